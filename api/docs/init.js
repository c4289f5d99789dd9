// A file of its own, so that the page needs no inline script. validatorUrl: null keeps the page from calling a
// validation service elsewhere.
window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: "/openapi.yaml",
    dom_id: "#page",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    tryItOutEnabled: true,
    tagsSorter: "alpha",
  });
});
