//! Compiles `proto/` to prost, tonic and proto3-JSON code and keeps the descriptor set for
//! reflection.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use protox::{Compiler, prost::Message as _};

/// Types that come in messages of other services, which may be newer.
const OF_MESSAGES: [&str; 2] = [".slipway.builder", ".slipway.event"];
/// Comes in messages too, but a build must not leave out what its spec demands.
const SPEC: &str = ".slipway.builder.v1.BuildSpec";

fn main() -> Result<(), Box<dyn Error>> {
    // Read at run time, not with `env!`: another clone may share the build cache with this program.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    collect_protos(&root, &mut files)?;
    files.sort();

    let mut compiler = Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let encoded = compiler.encode_file_descriptor_set();
    let output = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(output.join("descriptor.bin"), &encoded)?;

    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_fds(prost_types::FileDescriptorSet::decode(encoded.as_slice())?)?;
    generate_json(&encoded, &output)?;

    Ok(())
}

/// Requests come from people, so unknown words and fields in them are refused. In messages of newer
/// services, unknown fields are ignored, and an unknown word is UNSPECIFIED.
fn generate_json(descriptors: &[u8], output: &Path) -> Result<(), Box<dyn Error>> {
    let mut strict = pbjson_build::Builder::new();
    strict.register_descriptors(descriptors)?.emit_fields();
    let spec = strict.generate(&[SPEC], |_| Ok(Vec::new()))?;
    strict.exclude(OF_MESSAGES);
    let requests = strict.generate(&[".slipway"], |_| Ok(Vec::new()))?;

    let mut tolerant = pbjson_build::Builder::new();
    tolerant.register_descriptors(descriptors)?.emit_fields().exclude([SPEC]);
    tolerant.ignore_unknown_enum_variants().ignore_unknown_fields();
    let messages = tolerant.generate(&OF_MESSAGES, |_| Ok(Vec::new()))?;

    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (package, code) in [spec, requests, messages].into_iter().flatten() {
        files.entry(format!("{package}.serde.rs")).or_default().extend(code);
    }
    for (name, code) in files {
        fs::write(output.join(name), code)?;
    }
    Ok(())
}

fn collect_protos(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }

    Ok(())
}
