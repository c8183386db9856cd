//! Tables and graph formats.
