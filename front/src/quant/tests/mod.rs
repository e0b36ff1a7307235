//! Whole compilations.

mod decisions;
mod rows;
mod tokens;
