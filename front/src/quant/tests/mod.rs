//! Whole compilations.

mod rows;
mod tokens;
