//! Orbits of the gradient flow.
