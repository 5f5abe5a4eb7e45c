"use strict";

// Asks what a form describes, and shows the answer as it came.
async function ask(form) {
  const query = new URLSearchParams();
  const request = { method: form.dataset.method, headers: {} };
  let path = form.dataset.path;
  for (const input of form.querySelectorAll("[data-place]")) {
    if (input.dataset.place === "path") {
      path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    } else if (input.dataset.place === "body") {
      request.body = input.value;
      request.headers["Content-Type"] = "application/json";
    } else if (input.value) {
      query.append(input.name, input.value);
    }
  }
  const address = query.size ? `${path}?${query}` : path;
  const response = await fetch(address, request);
  const text = await response.text();
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: shown as it came.
  }
  return `${request.method} ${address}\n${response.status} ${response.headers.get("content-type")}\n\n${shown}`;
}

for (const form of document.forms) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    output.textContent = "…";
    output.textContent = await ask(form).catch((error) => `No answer: ${error.message}`);
  });
}

document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
