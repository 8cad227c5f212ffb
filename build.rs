//! Tells the linker how a Node.js addon is linked.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
