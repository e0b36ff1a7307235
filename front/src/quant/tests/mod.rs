//! Whole compilations.

mod decisions;
mod raw;
mod rows;
mod tokens;
