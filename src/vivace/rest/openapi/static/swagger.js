"use strict";
// Swagger UI's dark mode is a class of the root element.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const place = document.getElementById("docs");
window.ui = SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  oauth2RedirectUrl: new URL(place.dataset.redirect, window.location).href,
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  // Cookies with unsafe methods need the site's token, where it has one.
  requestInterceptor: (request) => {
    const token = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/);
    const isOwn = new URL(request.url, window.location).origin === window.location.origin;
    if (token && isOwn) request.headers["X-CSRFToken"] = decodeURIComponent(token[1]);
    return request;
  },
});
