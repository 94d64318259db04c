// Package validate checks HTTP requests against the operations of an OpenAPI
// 3.0 document: parameters, and JSON bodies with every schema constraint that
// our documents use. Generated servers decode requests but check no
// constraint and drop unknown fields and parameters silently; with this
// package a misspelt field is an error and not a no-op.
//
// What users of other systems may ask for and these APIs cannot do, a schema
// names in x-refused, each with the reason that its fault gives.
//
// It is small on purpose. A full OpenAPI library costs each daemon about
// 10 MiB of resident memory; this package costs about 1. It supports the
// schema keywords that it knows and refuses a document that uses another one
// in a request, so that no constraint is ever skipped in silence.
package validate
