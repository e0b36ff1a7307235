//! Readers of tree models and the integer machine against what the libraries predict.

mod compare;
mod libraries;
mod small;
