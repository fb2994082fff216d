//! The OpenAPI document of the API; `tests/` checks that every route of the router stands in it.

use axum::Json;
use serde_json::Value;

const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`: public, since it tells the form of questions and no answer.
pub async fn document() -> Json<Value> {
    Json(serde_json::from_str(DOCUMENT).unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `.route("…")` of the router, with the prefix of the group it stands in.
    fn routes() -> Vec<String> {
        let source = include_str!("mod.rs");
        let (public, api) = source.split_once("fn api()").unwrap();
        let paths = |text: &str, prefix: &str| {
            let parts = text.split(".route(").skip(1);
            // What takes the rest of a path is a parameter like others in the document.
            let path = |part: &str| part.split('"').nth(1).unwrap().replace("{*", "{");
            parts.map(|part| format!("{prefix}{}", path(part))).collect::<Vec<_>>()
        };
        [paths(public, ""), paths(api, "/api/v1")].concat()
    }

    #[test]
    fn every_route_is_documented_and_every_documented_path_is_a_route() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut documented: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let mut routes = routes();
        documented.sort();
        routes.sort();
        assert_eq!(documented, routes);
    }
}
