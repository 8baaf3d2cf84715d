package rest

import (
	"maps"

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
	out := openapi3.Schemas{
		"Links": links.NewRef(), "Status": status.NewRef(), "Plugin": plugin.NewRef(), "TokenProvisionRequest": provisionRequest().NewRef(),
		"SyncRequest": syncRequest(true).NewRef(), "EndpointSyncRequest": syncRequest(false).NewRef(), "JobCancelled": jobCancelledSchema().NewRef(),
		"Occurrences": occurrencesSchema().NewRef(),
	}
	maps.Copy(out, scheduleSchemas())
	return out
}

var provisionDoc = map[string]*openapi.Operation{"POST": {
	Description: "Make a token for whoever knows the name and password of a user. Its secret is shown this once.",
	Request:     openapi.Ref("TokenProvisionRequest"), Answer: openapi.Ref("Token"), Status: 201, Errors: []int{400, 408, 413, 415}, Open: true,
}}

var checkDoc = get(&openapi.Operation{Description: "The user who asks.", Answer: openapi.Ref("User")})

// provisionRequest is what a token is made from by name and password.
func provisionRequest() *openapi3.Schema {
	text := func(limit int64) *openapi3.Schema { return openapi3.NewStringSchema().WithMaxLength(limit) }
	s := openapi3.NewObjectSchema().WithProperties(map[string]*openapi3.Schema{
		"username": text(255).WithMinLength(1), "password": text(1024).WithMinLength(1).WithFormat("password"), "description": text(200),
		"expires": openapi3.NewDateTimeSchema().WithNullable(), "enabled": openapi3.NewBoolSchema(), "write_enabled": openapi3.NewBoolSchema(),
		"allowed_ips": openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()), "version": openapi3.NewIntegerSchema().WithEnum(1, 2),
	})
	s.Required = []string{"username", "password"}
	return s
}
