//! Continuation in a parameter: branches, events, itineraries, planes.

#[path = "../common/mod.rs"]
mod common;

mod branches;
mod branches_proven;
mod command;
mod folds;
mod itinerary;
mod plane;
