//! `score`: a learned vector field.
