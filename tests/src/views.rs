//! Programs with views: what every tensor is by the definitions alone, random programs, and convolutions.

mod net;
mod random;
mod reference;

pub use net::{Net, tensor};
pub use random::random;
pub use reference::{places, reference};
