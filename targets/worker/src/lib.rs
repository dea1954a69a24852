//! Toolgate on Cloudflare Workers.
