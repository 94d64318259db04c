package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// ImageToAPI returns the API's form of an image.
func ImageToAPI(i cardplane.Image) cardapi.Image {
	return cardapi.Image{
		Id:           i.ID,
		Names:        list(i.Names),
		RepoDigests:  list(i.RepoDigests),
		CreatedAt:    optionalTime(i.Created),
		Architecture: i.Architecture,
		Os:           i.OS,
		SizeBytes:    i.Size,
		Config: cardapi.ImageConfig{
			Entrypoint:   optionalSlice(i.Config.Entrypoint),
			Command:      optionalSlice(i.Config.Cmd),
			Env:          optionalSlice(i.Config.Env),
			WorkingDir:   optional(i.Config.WorkingDir),
			User:         optional(i.Config.User),
			StopSignal:   optional(i.Config.StopSignal),
			Shell:        optionalSlice(i.Config.Shell),
			Healthcheck:  healthcheckToAPI(i.Config.Healthcheck),
			ExposedPorts: optionalSlice(i.Config.ExposedPorts),
			Volumes:      optionalSlice(i.Config.Volumes),
			Labels:       optionalMap(i.Config.Labels),
		},
	}
}

// ImageFromAPI returns the domain's form of an image.
func ImageFromAPI(i cardapi.Image) cardplane.Image {
	return cardplane.Image{
		ID:           i.Id,
		Names:        i.Names,
		RepoDigests:  i.RepoDigests,
		Created:      value(i.CreatedAt),
		Architecture: i.Architecture,
		OS:           i.Os,
		Size:         i.SizeBytes,
		Config: cardplane.ImageConfig{
			Entrypoint:   value(i.Config.Entrypoint),
			Cmd:          value(i.Config.Command),
			Env:          value(i.Config.Env),
			WorkingDir:   value(i.Config.WorkingDir),
			User:         value(i.Config.User),
			StopSignal:   value(i.Config.StopSignal),
			Shell:        value(i.Config.Shell),
			Healthcheck:  healthcheckFromAPI(i.Config.Healthcheck),
			ExposedPorts: value(i.Config.ExposedPorts),
			Volumes:      value(i.Config.Volumes),
			Labels:       value(i.Config.Labels),
		},
	}
}

// RemovedImageToAPI returns the API's form of an image's removal.
func RemovedImageToAPI(r cardplane.RemovedImage) cardapi.ImageRemoval {
	return cardapi.ImageRemoval{Untagged: list(r.Untagged), Deleted: list(r.Deleted)}
}

// RemovedImageFromAPI returns the domain's form of an image's removal.
func RemovedImageFromAPI(r cardapi.ImageRemoval) cardplane.RemovedImage {
	return cardplane.RemovedImage{Untagged: r.Untagged, Deleted: r.Deleted}
}

// PullToAPI returns the API's request to pull ref.
func PullToAPI(ref string, opts cardplane.PullOptions) cardapi.ImagePull {
	out := cardapi.ImagePull{Reference: ref}
	if c := opts.Credentials; c != nil {
		out.Credentials = &cardapi.RegistryCredentials{
			Username: optional(c.Username), Password: optional(c.Password), Token: optional(c.Token), IdentityToken: optional(c.IdentityToken),
		}
	}
	return out
}

// PullFromAPI returns the reference and options of a request to pull.
func PullFromAPI(p cardapi.ImagePull) (string, cardplane.PullOptions) {
	var opts cardplane.PullOptions
	if c := p.Credentials; c != nil {
		opts.Credentials = &cardplane.RegistryCredentials{
			Username: value(c.Username), Password: value(c.Password), Token: value(c.Token), IdentityToken: value(c.IdentityToken),
		}
	}
	return p.Reference, opts
}

// ProgressToAPI returns the line that tells of the progress of an image.
func ProgressToAPI(p cardplane.ImageProgress) cardapi.ImageProgress {
	step := cardapi.ImageStep(p.Step)
	return cardapi.ImageProgress{Step: &step, Subject: &p.Subject, CurrentBytes: &p.Current, TotalBytes: &p.Total}
}

// ProgressFromAPI returns the progress that a line tells of.
func ProgressFromAPI(p cardapi.ImageProgress) cardplane.ImageProgress {
	return cardplane.ImageProgress{
		Step: cardplane.ImageStep(value(p.Step)), Subject: value(p.Subject), Current: value(p.CurrentBytes), Total: value(p.TotalBytes),
	}
}

// ProgressEndToAPI returns the last line of a stream of progress.
func ProgressEndToAPI(images []cardplane.Image, err error) cardapi.ImageProgress {
	if err != nil {
		problem := ProblemToAPI(err)
		return cardapi.ImageProgress{Error: &problem}
	}
	out := make([]cardapi.Image, 0, len(images))
	for _, image := range images {
		out = append(out, ImageToAPI(image))
	}
	return cardapi.ImageProgress{Images: &out}
}
