//! The web page: files that the build embedded, with the headers that keep it safe.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::problem::Problem;

/// What the page may load and run: itself, nothing inline, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "../dashboards/dist"]
#[allow_missing = true]
struct Dist;

/// First steps of paths that programs ask for: where no endpoint answers them, the page does not either.
const PROGRAMS: [&str; 7] = ["api", "v1", "es", "acme", "access", "pki", "ledger"];

/// Answers every path that no endpoint has: a file of the page, or the page itself for its own routes. What a program
/// sends is never answered with the page: a shipper with a wrong path would take that for success.
pub async fn page(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let of_programs = PROGRAMS.contains(&first) || first.starts_with(['.', '_']);
    if of_programs || !matches!(method, Method::GET | Method::HEAD) {
        let detail = format!("no endpoint `{method} {}`; /api/v1/openapi.json lists them", uri.path());
        return Problem::not_found(detail).into_response();
    }
    let (name, immutable) = if path.is_empty() { ("index.html", false) } else { (path, path.starts_with("assets/")) };
    match Dist::get(name) {
        Some(file) => answer(name, file.data.into_owned(), immutable),
        None if name.contains('.') => Problem::not_found(format!("no file `/{name}`")).into_response(),
        None => match Dist::get("index.html") {
            Some(file) => answer("index.html", file.data.into_owned(), false),
            None => {
                Problem::not_found("this binary was built without the page; `make build` embeds it").into_response()
            }
        },
    }
}

fn answer(name: &str, bytes: Vec<u8>, immutable: bool) -> Response {
    let cache = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn what_programs_send_is_never_answered_with_the_page() {
        for (method, path) in [
            (Method::POST, "/"),
            (Method::POST, "/logs"),
            (Method::PUT, "/a/b/_bulk"),
            (Method::POST, "/api/v2/ingest"),
            (Method::GET, "/api/v1/nothing"),
            (Method::GET, "/_cluster/health"),
            (Method::GET, "/.well-known/security.txt"),
            (Method::GET, "/v1/logs"),
            (Method::GET, "/pki/ocsp"),
            (Method::GET, "/assets/missing.js"),
        ] {
            let answer = page(method.clone(), Uri::from_static(path)).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{method} {path}");
        }
    }
}
