"use strict";
const place = document.getElementById("docs");
Redoc.init(place.dataset.schema, { nativeScrollbars: true, disableSearch: true }, place);
