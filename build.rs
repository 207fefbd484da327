//! Compiles the protocol without `protoc`. Generated code and the descriptor set go to `OUT_DIR` only.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files: Vec<PathBuf> = fs::read_dir("proto/tidepool/v1")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // The encoded set keeps extension options, which the reflection service and the method table read.
    fs::write(out.join("descriptor.bin"), compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure()
        // Maps in requests would make the digest of a repeated request depend on their order.
        .btree_map(".")
        // The error model is the one that every gRPC library has.
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
