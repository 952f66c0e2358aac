//! Runs each example as a user does: a process, its output, real requests, real signals.
#![cfg(unix)]

mod custom_manager;
mod datagrams;
mod gateway;
mod gateway_redis;
mod half_request;
mod help;
mod multi_service;
mod multi_service_admin;
mod port;
mod prestart;
mod program;
mod pubsub;
mod run_until_success;
mod sensors;
mod sidecar;
mod single_service;
mod status_board;
mod systemd;
#[cfg(target_os = "linux")]
mod systemd_unit;
mod tenants;
