// Browsers without modules run this instead of the page.
document.getElementById('too-old').hidden = false;
