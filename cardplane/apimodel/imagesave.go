package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// HistoryToAPI returns the API's form of an image's history.
func HistoryToAPI(entries []cardplane.HistoryEntry) cardapi.ImageHistory {
	out := cardapi.ImageHistory{Items: []cardapi.ImageHistoryEntry{}}
	for _, e := range entries {
		item := cardapi.ImageHistoryEntry{
			CreatedAt: optionalTime(e.Created), CreatedBy: optional(e.CreatedBy), Comment: optional(e.Comment), Layer: optional(e.Layer),
		}
		if e.Layer != "" {
			item.SizeBytes = &e.Size
		}
		out.Items = append(out.Items, item)
	}
	return out
}

// HistoryFromAPI returns the domain's form of an image's history.
func HistoryFromAPI(h cardapi.ImageHistory) []cardplane.HistoryEntry {
	var out []cardplane.HistoryEntry
	for _, i := range h.Items {
		out = append(out, cardplane.HistoryEntry{
			Created: value(i.CreatedAt), CreatedBy: value(i.CreatedBy), Comment: value(i.Comment), Layer: value(i.Layer), Size: value(i.SizeBytes),
		})
	}
	return out
}

// SaveToAPI returns the API's request to save images.
func SaveToAPI(o cardplane.SaveOptions) cardapi.ImageSave {
	return cardapi.ImageSave{Images: list(o.Images), Format: optional(cardapi.ImageSaveFormat(o.Format))}
}

// SaveFromAPI returns the domain's form of a request to save images.
func SaveFromAPI(r cardapi.ImageSave) cardplane.SaveOptions {
	return cardplane.SaveOptions{Images: r.Images, Format: cardplane.ArchiveFormat(value(r.Format))}
}

// ImagePruneToAPI returns the API's request to prune images.
func ImagePruneToAPI(o cardplane.ImagePruneOptions) cardapi.ImagePrune {
	return cardapi.ImagePrune{All: &o.All, Labels: optionalSlice(o.Labels), Until: optionalTime(o.Until)}
}

// ImagePruneFromAPI returns the domain's form of a request to prune images.
func ImagePruneFromAPI(r cardapi.ImagePrune) cardplane.ImagePruneOptions {
	return cardplane.ImagePruneOptions{
		All: value(r.All), PruneFilter: cardplane.PruneFilter{Labels: value(r.Labels), Until: value(r.Until)},
	}
}
