// Package openapi describes the REST API as an OpenAPI 3.0 document, made from the declarations of its resources.
package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/yaml"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// Options are what the document says beside the resources.
type Options struct {
	Title, Version, Description string
	// Others are the operations that belong to no resource: by path, then by method.
	Others map[string]map[string]*Operation
	// Schemas are what Others refer to, by name.
	Schemas openapi3.Schemas
}

// Document describes the resources of a set, under each of their paths, and the other operations. Its error is a mistake in a declaration, which
// any test shows.
func Document(set *resource.Set, o Options) (*openapi3.T, error) {
	components := openapi3.NewComponents()
	components.Schemas, components.Responses, components.Headers = schemas(), responses(), headers()
	components.SecuritySchemes = openapi3.SecuritySchemes{"tokenAuth": {Value: &openapi3.SecurityScheme{
		Type: "apiKey", In: "header", Name: "Authorization", Description: "`Bearer nbt_<key>.<secret>`, or `Token <token>` with a token of version 1.",
	}}}
	doc := &openapi3.T{
		OpenAPI: "3.0.3", Components: &components, Paths: openapi3.NewPaths(), Security: openapi3.SecurityRequirements{{"tokenAuth": {}}},
		Info:    &openapi3.Info{Title: o.Title, Version: o.Version, Description: o.Description, License: &openapi3.License{Name: "Apache-2.0"}},
		Servers: openapi3.Servers{{URL: "/"}},
	}
	maps.Copy(components.Schemas, resource.SharedComponents())
	maps.Copy(components.Schemas, o.Schemas)
	for _, r := range set.All {
		for name, s := range r.Components() {
			if components.Schemas[name] != nil {
				return nil, fmt.Errorf("two resources have a schema %s", name)
			}
			components.Schemas[name] = s
		}
		for _, path := range append([]string{r.Path}, r.Aliases...) {
			list, object := resourcePaths(r, path)
			doc.Paths.Set("/api/"+path+"/", list)
			doc.Paths.Set("/api/"+path+"/{id}/", object)
		}
	}
	for path, operations := range o.Others {
		item := &openapi3.PathItem{}
		for method, op := range operations {
			item.SetOperation(method, op.operation(path, method))
		}
		doc.Paths.Set(path, item)
	}
	return resolve(doc)
}

// resolve follows the references of a document, and says what is wrong with it.
func resolve(doc *openapi3.T) (*openapi3.T, error) {
	if err := openapi3.NewLoader().ResolveRefsIn(doc, nil); err != nil {
		return nil, fmt.Errorf("resolve references of the OpenAPI document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("check the OpenAPI document: %w", err)
	}
	return doc, nil
}

// Render writes a document as JSON and as YAML.
func Render(doc *openapi3.T) (asJSON, asYAML []byte, err error) {
	if asJSON, err = json.Marshal(doc); err != nil {
		return nil, nil, fmt.Errorf("write the OpenAPI document as JSON: %w", err)
	}
	if asYAML, err = yaml.JSONToYAML(asJSON); err != nil {
		return nil, nil, fmt.Errorf("write the OpenAPI document as YAML: %w", err)
	}
	return asJSON, asYAML, nil
}

// operationID names an operation as NetBox does: the path below /api/ in words, and what is done.
func operationID(path, verb string) string {
	words := strings.FieldsFunc(strings.ReplaceAll(strings.TrimPrefix(path, "/api/"), "-", "_"), func(c rune) bool { return c == '/' })
	words = slices.DeleteFunc(words, func(word string) bool { return word[0] == '{' })
	if len(words) == 0 {
		words = []string{"root"}
	}
	return strings.Join(append(words, verb), "_")
}

// tag is the group of an operation: the application.
func tag(path string) []string {
	app, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/")
	if app == "" {
		app = "api"
	}
	return []string{app}
}

func ref(schema string) *openapi3.SchemaRef {
	return openapi3.NewSchemaRef("#/components/schemas/"+schema, nil)
}
