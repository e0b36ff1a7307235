//! Language models end to end on integers: quantisation, a run, generation, fidelity.

mod real;
mod reference;
mod speed;
mod support;
