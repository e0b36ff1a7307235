//! Readers of tree models and the integer machine against what the libraries predict.

mod compare;
mod hostile;
mod libraries;
mod random;
mod refused;
mod shared;
mod small;
