//! A browser's side of a session: the cookie, the CSRF token, and what it calls itself.

use anyhow::Context as _;
use reqwest::Method;
use reqwest::header::{COOKIE, SET_COOKIE, USER_AGENT};
use serde_json::{Value, json};

use crate::Api;

/// The session's cookie.
const COOKIE_NAME: &str = "__Host-metrosoc=";

/// Somebody at the page, without the page.
#[derive(Debug, Clone)]
pub struct Browser {
    api: Api,
    /// The cookie's value; empty for none.
    pub cookie: String,
    csrf: String,
    user_agent: String,
}

impl Browser {
    /// A fresh one that calls itself `user_agent`.
    pub fn new(api: Api, user_agent: &str) -> Self {
        Self { api, cookie: String::new(), csrf: String::new(), user_agent: user_agent.to_owned() }
    }

    /// One that has a session's cookie already; asks for the CSRF token.
    ///
    /// # Errors
    /// When the session is not in force.
    pub fn with_cookie(api: Api, cookie: &str) -> anyhow::Result<Self> {
        let mut browser = Self::new(api, "a browser");
        browser.cookie = cookie.to_owned();
        let (status, answer) = browser.ask(Method::GET, "/api/v1/session", None)?;
        anyhow::ensure!(status == 200, "session: {status} {answer}");
        Ok(browser)
    }

    /// Signs in: status and answer.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn sign_in(&mut self, name: &str, password: &str) -> anyhow::Result<(u16, Value)> {
        self.ask(Method::POST, "/api/v1/session", Some(&json!({ "name": name, "password": password })))
    }

    /// One request with cookie and CSRF token; keeps those that the answer brings.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        let mut request = self.api.request(method, path).header(USER_AGENT, &self.user_agent);
        request = request.header("x-forwarded-for", "198.51.100.77").header("forwarded", "for=198.51.100.77");
        if !self.cookie.is_empty() {
            request =
                request.header(COOKIE, format!("{COOKIE_NAME}{}", self.cookie)).header("x-csrf-token", &self.csrf);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send()?;
        for line in response.headers().get_all(SET_COOKIE) {
            if let Some(rest) = line.to_str()?.strip_prefix(COOKIE_NAME) {
                self.cookie = rest.split(';').next().context("a cookie")?.to_owned();
            }
        }
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_slice(&response.bytes()?).unwrap_or(Value::Null);
        if let Some(csrf) = answer.get("csrf").and_then(Value::as_str) {
            self.csrf = csrf.to_owned();
        }
        Ok((status, answer))
    }
}
