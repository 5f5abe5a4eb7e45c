// Copies a secret that is shown once.  Without script it is selected and copied by hand.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  const field = button && document.getElementById(button.dataset.copies);
  if (!field) return;
  field.select();
  let isCopied = false;
  try {
    await navigator.clipboard.writeText(field.value);
    isCopied = true;
  } catch {
    isCopied = document.execCommand("copy");
  }
  const said = isCopied ? "Copied" : "Press Ctrl+C";
  button.querySelector("span").textContent = said;
  document.getElementById("announcer").textContent = isCopied ? "The key is in the clipboard." : said;
});
