package rest

import (
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/openapi"
)

// get describes a route that is only read.
func get(op *openapi.Operation) map[string]*openapi.Operation {
	return map[string]*openapi.Operation{"GET": op}
}

func text(schema *openapi3.Schema) *openapi3.MediaType {
	return openapi3.NewMediaType().WithSchema(schema)
}

func schemaParameters() []*openapi3.Parameter {
	lang := openapi3.NewQueryParameter("lang").WithSchema(openapi3.NewStringSchema()).WithDescription("Taken from clients of NetBox, and without effect.")
	return []*openapi3.Parameter{openapi.Format("yaml", "json"), lang}
}

func schemaContent() openapi3.Content {
	out := openapi3.Content{}
	for _, o := range schemaOffers {
		out[o.media] = text(openapi3.NewObjectSchema().WithAnyAdditionalProperties())
	}
	return out
}

func pageContent() openapi3.Content {
	return openapi3.Content{"text/html": text(openapi3.NewStringSchema())}
}

// serviceSchemas are the bodies of what belongs to no resource.
func serviceSchemas() openapi3.Schemas {
	link := openapi3.NewStringSchema().WithFormat("uri")
	links := openapi3.NewObjectSchema().WithAdditionalProperties(link)
	links.Description = "Addresses of what is below, by name"
	texts := func() *openapi3.Schema {
		return openapi3.NewObjectSchema().WithAdditionalProperties(openapi3.NewStringSchema())
	}
	status := openapi3.NewObjectSchema().WithProperties(map[string]*openapi3.Schema{
		"django-version": openapi3.NewStringSchema(), "hostname": openapi3.NewStringSchema(), "installed_apps": texts(),
		"netbox-version": openapi3.NewStringSchema(), "netbox-full-version": openapi3.NewStringSchema(), "plugins": texts(),
		"python-version": openapi3.NewStringSchema(), "rq-workers-running": openapi3.NewIntegerSchema(), "proxops-version": openapi3.NewStringSchema(),
		"go-version": openapi3.NewStringSchema(), "api-versions": openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()),
	})
	status.Required = []string{"netbox-version", "plugins", "proxops-version"}
	plugin := openapi3.NewObjectSchema()
	for _, name := range []string{"name", "package", "author", "author_email", "description", "version", "release_track"} {
		plugin.WithProperty(name, openapi3.NewStringSchema())
		plugin.Required = append(plugin.Required, name)
	}
	return openapi3.Schemas{"Links": links.NewRef(), "Status": status.NewRef(), "Plugin": plugin.NewRef()}
}
