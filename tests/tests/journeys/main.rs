//! Journeys through the whole system, each against real parts; one file a journey.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so by panicking")]

mod access;
mod backtest;
mod bad_input;
mod browser;
mod bulk;
mod chaos;
mod correlations;
mod counts;
mod crash;
mod demo;
mod edge;
mod full_spool;
mod joined;
mod ledger;
mod log_sources;
mod loggen;
mod once;
mod operators;
mod otlp;
mod otlp_in;
mod own_events;
mod paths;
mod postgres;
mod raw_lines;
mod readiness;
mod reload;
mod relp;
mod rsyslog;
mod rule_care;
mod tail;
