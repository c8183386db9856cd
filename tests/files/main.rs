//! The command, what it reads and what it writes.

#[path = "../common/mod.rs"]
mod common;

mod book;
mod command;
mod data;
mod export;
mod formats;
mod memorization;
mod projection;
mod studies;
mod study;
mod sweep;
