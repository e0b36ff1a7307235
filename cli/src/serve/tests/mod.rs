//! Tests of what a server keeps. Its interface is tested through the program, its submissions beside the other tests of
//! the chain.

mod keys;
mod store;
