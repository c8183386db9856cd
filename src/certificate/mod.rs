//! The certificate of structural stability: a file that proves that a landscape's gradient flow, and every field near it, has these
//! critical points and this graph; and the program that checks it.
//!
//! In: a landscape with enclosures and its critical points. Out: a [`format::Certificate`], built by [`build`] with the proofs of `rigor/` and
//! `flow/`, run on a field fattened by (e0, e1). [`check`] proves it again, sharing nothing with the builder but [`format`](mod@format). The claim and
//! the theorems are in `docs/certificate.md`.

pub mod build;
pub mod check;
pub mod format;
