package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

// listFlags are the flags of commands that print a list.
type listFlags struct {
	quiet, full bool
	format      string
	template    *template.Template
}

// row is one line of a list.
type row struct {
	id    string
	cells []string // of the table
	view  any      // what a template sees
	api   any      // the object as the API has it
	again bool     // another row of the same object
}

// register gives cmd the flags. fields are what a template can name.
func (f *listFlags) register(cmd *cobra.Command, fields string) {
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print ids only")
	cmd.Flags().BoolVar(&f.full, "no-trunc", false, "leave nothing out")
	f.registerFormat(cmd, fields)
}

// registerFormat gives cmd --format alone.
func (f *listFlags) registerFormat(cmd *cobra.Command, fields string) {
	cmd.Flags().StringVar(&f.format, "format", "table", "table, json (a line for each, as the API has it), or a Go template with "+fields)
}

// parse checks the format.
func (f *listFlags) parse(cmd *cobra.Command) (err error) {
	if f.format == "table" || f.format == "json" {
		return nil
	}
	if f.template, err = parseTemplate(f.format); err != nil {
		return usageError(cmd, "--format: %w", err)
	}
	return nil
}

// id shortens an id, unless all of it is wanted.
func (f *listFlags) id(id string) string {
	if f.full {
		return id
	}
	return shortID(id)
}

// print prints rows below the table's head.
func (f *listFlags) print(w io.Writer, head string, rows []row) error {
	switch {
	case f.quiet:
		return eachObject(rows, func(r row) error {
			_, err := fmt.Fprintln(w, r.id)
			return err
		})
	case f.template != nil:
		for _, r := range rows {
			if err := execute(w, f.template, r.view); err != nil {
				return err
			}
		}
		return nil
	case f.format == "json":
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		return eachObject(rows, func(r row) error { return lines.Encode(r.api) })
	}
	table := newTable(w)
	_, _ = fmt.Fprintln(table, head)
	for _, r := range rows {
		_, _ = fmt.Fprintln(table, strings.Join(r.cells, "\t"))
	}
	return table.Flush()
}

// eachObject calls f for each object once, also for one that has several rows.
func eachObject(rows []row, f func(row) error) error {
	for _, r := range rows {
		if r.again {
			continue
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// objectFlags are the flags of commands that print objects as the API has them.
type objectFlags struct {
	format   string
	fallback string // the format unless one is given
	template *template.Template
}

// register gives cmd the flags. fallback is json, or table where the command
// prints one itself.
func (f *objectFlags) register(cmd *cobra.Command, fallback, example string) {
	f.fallback = fallback
	formats := "json"
	if fallback != "json" {
		formats = fallback + ", json"
	}
	cmd.Flags().StringVar(&f.format, "format", fallback, formats+", or a Go template over what json shows, such as '"+example+"'")
}

// parse checks the format.
func (f *objectFlags) parse(cmd *cobra.Command) (err error) {
	if f.format == "json" || f.format == f.fallback {
		return nil
	}
	if f.template, err = parseTemplate(f.format); err != nil {
		return usageError(cmd, "--format: %w", err)
	}
	return nil
}

// print prints v as JSON.
func (f *objectFlags) print(w io.Writer, v any) error {
	if f.template == nil {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "    ")
		return encoder.Encode(v)
	}
	view, err := asAPI(v)
	if err != nil {
		return err
	}
	return execute(w, f.template, view)
}

// printAll prints objects as one JSON array, or a line of the template for each.
func (f *objectFlags) printAll(w io.Writer, objects []any) error {
	if f.template == nil {
		return f.print(w, objects)
	}
	for _, object := range objects {
		if err := f.print(w, object); err != nil {
			return err
		}
	}
	return nil
}

// parseTemplate reads a Go template, which may use json, join, upper and lower.
func parseTemplate(text string) (*template.Template, error) {
	parsed, err := template.New("--format").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			out, err := json.Marshal(v)
			return string(out), err
		},
		"join": strings.Join, "upper": strings.ToUpper, "lower": strings.ToLower,
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w; use table, json, or a template such as '{{.ID}} {{.Name}}'", err)
	}
	return parsed, nil
}

// execute prints a line for v.
func execute(w io.Writer, t *template.Template, v any) error {
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// asAPI returns v, an object as the API has it, under the API's own names.
func asAPI(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber() // an integer stays one
	var out any
	return out, decoder.Decode(&out)
}
