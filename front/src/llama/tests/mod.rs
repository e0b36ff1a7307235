//! Models written here in every format, damaged files, tokenizers, real models.

pub mod build;
mod formats;
mod hostile;
mod real;
mod run;
mod tokenizers;
