"use strict";

// The document is asked for as JSON, which is read faster than YAML. Without a validator nothing is asked of other servers.
SwaggerUIBundle({
  url: "../",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  validatorUrl: null,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
});
