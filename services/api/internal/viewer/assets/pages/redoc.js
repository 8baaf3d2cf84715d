"use strict";

const place = document.getElementById("redoc");
Redoc.init("../?format=json", { nonce: place.dataset.nonce, hideLoading: false }, place);
