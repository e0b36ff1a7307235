//! Import of models built here, of damaged bytes, and of real files.

mod build;
mod classical;
mod damage;
mod errors;
mod external;
mod files;
mod moves;
mod ops;
mod recurrent;
mod rows;
mod shapes;
mod whole;
mod windows;
