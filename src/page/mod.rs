//! The puppeteer-shaped page for Chrome, without N-API.
