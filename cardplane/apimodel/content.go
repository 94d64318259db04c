package apimodel

import (
	"bytes"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// ConfigToAPI returns the API's form of a config.
func ConfigToAPI(c cardplane.Content) cardapi.Config {
	return cardapi.Config{
		Id: c.ID, Name: c.Name, SizeBytes: c.SizeBytes, Version: c.Version, Labels: optionalMap(c.Labels),
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Data: optionalData(c.Data),
	}
}

// ConfigFromAPI returns the domain's form of a config.
func ConfigFromAPI(c cardapi.Config) cardplane.Content {
	return cardplane.Content{
		ID: c.Id, Kind: cardplane.KindConfig, Name: c.Name, SizeBytes: c.SizeBytes, Version: c.Version, Labels: value(c.Labels),
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Data: value(c.Data),
	}
}

// SecretToAPI returns the API's form of a secret, which has no place for what it
// holds.
func SecretToAPI(c cardplane.Content) cardapi.Secret {
	return cardapi.Secret{
		Id: c.ID, Name: c.Name, SizeBytes: c.SizeBytes, Version: c.Version, Labels: optionalMap(c.Labels),
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// SecretFromAPI returns the domain's form of a secret.
func SecretFromAPI(c cardapi.Secret) cardplane.Content {
	return cardplane.Content{
		ID: c.Id, Kind: cardplane.KindSecret, Name: c.Name, SizeBytes: c.SizeBytes, Version: c.Version, Labels: value(c.Labels),
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// ContentSpecToAPI returns the API's form of a request for content.
func ContentSpecToAPI(s cardplane.ContentSpec) cardapi.ContentSpec {
	data := append([]byte{}, s.Data...) // which is required, though it is empty
	return cardapi.ContentSpec{Name: s.Name, Data: &data, Labels: optionalMap(s.Labels)}
}

// ContentSpecFromAPI returns the domain's form of a request for content.
func ContentSpecFromAPI(s cardapi.ContentSpec) cardplane.ContentSpec {
	return cardplane.ContentSpec{Name: s.Name, Data: value(s.Data), Labels: value(s.Labels)}
}

// ContentUpdateToAPI returns the API's form of an update of content.
func ContentUpdateToAPI(u cardplane.ContentUpdate) cardapi.ContentUpdate {
	out := cardapi.ContentUpdate{Data: optionalData(u.Data)}
	if u.Labels != nil {
		out.Labels = &u.Labels
	}
	return out
}

// ContentUpdateFromAPI returns the domain's form of an update of content.
func ContentUpdateFromAPI(u cardapi.ContentUpdate) cardplane.ContentUpdate {
	return cardplane.ContentUpdate{Data: value(u.Data), Labels: value(u.Labels)}
}

// ContentPruneToAPI returns the API's request to prune content.
func ContentPruneToAPI(f cardplane.PruneFilter) cardapi.ContentPrune {
	return cardapi.ContentPrune{Labels: optionalSlice(f.Labels), Until: optionalTime(f.Until)}
}

// ContentPruneFromAPI returns the domain's form of a request to prune content.
func ContentPruneFromAPI(r cardapi.ContentPrune) cardplane.PruneFilter {
	return cardplane.PruneFilter{Labels: value(r.Labels), Until: value(r.Until)}
}

// optionalData keeps the difference between nil, which is left out, and empty.
func optionalData(data cardplane.ContentData) *[]byte {
	if data == nil {
		return nil
	}
	out := bytes.Clone(data)
	return &out
}

func contentToAPI(m cardplane.ContentMount) cardapi.ContentMount {
	return cardapi.ContentMount{Name: m.Name, Path: optional(m.Path), Mode: optional(m.Mode), Uid: ownerToAPI(m.UID), Gid: ownerToAPI(m.GID)}
}

func contentFromAPI(m cardapi.ContentMount) cardplane.ContentMount {
	return cardplane.ContentMount{Name: m.Name, Path: value(m.Path), Mode: value(m.Mode), UID: ownerFromAPI(m.Uid), GID: ownerFromAPI(m.Gid)}
}

func ownerToAPI(id *uint32) *int64 {
	if id == nil {
		return nil
	}
	out := int64(*id)
	return &out
}

func ownerFromAPI(id *int64) *uint32 {
	if id == nil {
		return nil
	}
	out := uint32(*id)
	return &out
}
