package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// PathStatToAPI returns the API's form of what a path is.
func PathStatToAPI(s cardplane.PathStat) cardapi.PathStat {
	return cardapi.PathStat{
		Name: s.Name, Type: cardapi.PathStatType(s.Type), Mode: int32(s.Mode), SizeBytes: s.Size,
		ModifiedAt: s.ModTime, LinkTarget: optional(s.LinkTarget), IsDirectory: s.IsDirectory,
	}
}

// PathStatFromAPI returns the domain's form of what a path is.
func PathStatFromAPI(s cardapi.PathStat) cardplane.PathStat {
	return cardplane.PathStat{
		Name: s.Name, Type: cardplane.PathType(s.Type), Mode: uint32(s.Mode), Size: s.SizeBytes,
		ModTime: s.ModifiedAt, LinkTarget: value(s.LinkTarget), IsDirectory: s.IsDirectory,
	}
}
