package validate

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// notice is how many months an operation stays at least once it is deprecated.
const notice = 12

// dates returns since when an operation is deprecated and after when it may be
// gone, as x-deprecated-since and x-sunset say.
func (o *rawOperation) dates() (since, sunset time.Time, err error) {
	if !o.Deprecated {
		if o.Since != "" || o.Sunset != "" {
			err = fmt.Errorf("x-deprecated-since and x-sunset are for what is deprecated: true")
		}
		return since, sunset, err
	}
	if since, err = time.Parse(time.DateOnly, o.Since); err != nil {
		return since, sunset, fmt.Errorf("x-deprecated-since of what is deprecated: %w", err)
	}
	if sunset, err = time.Parse(time.DateOnly, o.Sunset); err != nil {
		return since, sunset, fmt.Errorf("x-sunset of what is deprecated: %w", err)
	}
	if sunset.Before(since.AddDate(0, notice, 0)) {
		err = fmt.Errorf("x-sunset %s is less than %d months after x-deprecated-since %s", o.Sunset, notice, o.Since)
	}
	return since, sunset, err
}

// Announce sets the headers Deprecation (RFC 9745) and Sunset (RFC 8594) where
// the operation is deprecated.
func (o *Operation) Announce(header http.Header) {
	if o.Deprecated.IsZero() {
		return
	}
	header.Set("Deprecation", "@"+strconv.FormatInt(o.Deprecated.Unix(), 10))
	header.Set("Sunset", o.Sunset.Format(http.TimeFormat))
}
