//! The headless shell of the npm package `@sparticuz/chromium`, unpacked by us.
//!
//! The package's own code is not run: it trusts whatever stands in the directory for temporary files.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use brotli_decompressor::Decompressor;
use serde::Deserialize;

use super::find::{Executable, Flavour};

pub(super) const PACKAGE: &str = "@sparticuz/chromium";

/// True where the package's Chrome can run.
pub(super) const IS_FOR_HERE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

const EXECUTABLE: &str = "chromium";
const LIBRARIES: &str = "lib";
const FONT_CONFIG: &str = "fonts.conf";
const BUFFER: usize = 256 * 1024;
/// Prefix of the names of directories that are being unpacked into.
const UNFINISHED: &str = ".unpacking-";
const LONGEST_UNPACKING: Duration = Duration::from_secs(60 * 60);

#[derive(Deserialize)]
struct Manifest {
    version: String,
}

/// Where the search starts: the given directories, else the working directory.
pub(super) fn roots(given: &[PathBuf]) -> Vec<PathBuf> {
    if given.is_empty() {
        std::env::current_dir().into_iter().collect()
    } else {
        given.to_vec()
    }
}

/// The package's directory, as Node would find it from one of the roots.
pub(super) fn package(roots: &[PathBuf]) -> Option<PathBuf> {
    if !IS_FOR_HERE {
        return None;
    }
    let candidates = roots.iter().flat_map(|root| root.ancestors());
    candidates
        .map(|directory| directory.join("node_modules").join(PACKAGE))
        .find(|package| package.join("bin/chromium.br").is_file())
}

/// The package's Chrome, unpacked before or now.
pub(super) fn unpacked(package: &Path, cache: Option<&Path>) -> io::Result<Executable> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(package.join("package.json"))?)?;
    let name = format!("chromium-{}", manifest.version);
    let (parent, final_name) = match cache.map(|cache| cache.join("pagepool")) {
        Some(parent) if fs::create_dir_all(&parent).is_ok() => (parent, name),
        _ => (
            std::env::temp_dir(),
            format!("pagepool-{name}-{}", rustix::process::geteuid().as_raw()),
        ),
    };
    let directory = parent.join(final_name);
    if !is_ours(&directory) {
        unpack(package, &parent, &directory)?;
    }
    let mut variables = Vec::new();
    let libraries = directory.join(LIBRARIES);
    if libraries.is_dir() {
        variables.push(("LD_LIBRARY_PATH", libraries));
    }
    if !Path::new("/etc/fonts/fonts.conf").exists() {
        variables.push(("FONTCONFIG_FILE", directory.join(FONT_CONFIG)));
    }
    Ok(Executable {
        path: directory.join(EXECUTABLE),
        flavour: Flavour::Shell,
        variables,
    })
}

/// True if the directory is there and nobody else could have written to it.
fn is_ours(directory: &Path) -> bool {
    fs::symlink_metadata(directory).is_ok_and(|metadata| {
        metadata.is_dir()
            && metadata.uid() == rustix::process::geteuid().as_raw()
            && metadata.mode() & 0o022 == 0
            && directory.join(EXECUTABLE).is_file()
    })
}

/// Unpacks beside the final place and renames, so that nobody ever sees half a Chrome.
fn unpack(package: &Path, parent: &Path, directory: &Path) -> io::Result<()> {
    let bin = package.join("bin");
    remove_unfinished(parent);
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(parent)?;
    let executable = work.path().join(EXECUTABLE);
    io::copy(
        &mut decompressor(&bin.join("chromium.br"))?,
        &mut File::create(&executable)?,
    )?;
    fs::set_permissions(&executable, Permissions::from_mode(0o755))?;
    untar(&bin.join("swiftshader.tar.br"), work.path())?;
    if lacks_libraries(&executable) {
        // The archive holds its own `lib` directory.
        untar(&bin.join("al2023.tar.br"), work.path())?;
    }
    untar(&bin.join("fonts.tar.br"), work.path())?;
    // The package's own file names directories of its own.
    fs::write(work.path().join(FONT_CONFIG), font_config(directory))?;
    fs::set_permissions(work.path(), Permissions::from_mode(0o755))?;
    let work = work.keep();
    match fs::rename(&work, directory) {
        Ok(()) => Ok(()),
        Err(error) => {
            // Somebody else was first, which is as good, or the place is taken by something of another owner.
            let removed = fs::remove_dir_all(&work);
            if is_ours(directory) { removed } else { Err(error) }
        }
    }
}

/// Removes what others have left who were killed while they unpacked. What cannot be removed is somebody else's.
fn remove_unfinished(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_unfinished = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes());
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|modified| modified.elapsed().ok());
        if is_unfinished && age.is_some_and(|age| age > LONGEST_UNPACKING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn font_config(directory: &Path) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n  \
         <dir>{}/fonts</dir>\n</fontconfig>\n",
        directory.display()
    )
}

fn decompressor(path: &Path) -> io::Result<Decompressor<BufReader<File>>> {
    Ok(Decompressor::new(
        BufReader::with_capacity(BUFFER, File::open(path)?),
        BUFFER,
    ))
}

fn untar(archive: &Path, into: &Path) -> io::Result<()> {
    tar::Archive::new(decompressor(archive)?).unpack(into)
}

/// True if the dynamic linker misses something, such as NSS.
fn lacks_libraries(executable: &Path) -> bool {
    let run = Command::new(executable)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    run.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stderr).contains("error while loading shared libraries")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_found_upwards_through_node_modules() {
        let root = tempfile::tempdir().expect("a directory");
        let package_dir = root.path().join("node_modules").join(PACKAGE);
        fs::create_dir_all(package_dir.join("bin")).expect("directories");
        let inside = root.path().join("a/b");
        fs::create_dir_all(&inside).expect("directories");
        assert_eq!(
            package(std::slice::from_ref(&inside)),
            None,
            "a package without its Chrome does not count"
        );
        fs::write(package_dir.join("bin/chromium.br"), "").expect("a file");
        assert_eq!(package(&[inside]), Some(package_dir));
    }

    #[test]
    fn what_was_not_unpacked_to_its_end_is_removed_after_an_hour() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = |name: &str, age: Duration| {
            let path = parent.path().join(name);
            fs::create_dir(&path).expect("a directory");
            let changed = std::time::SystemTime::now() - age;
            File::open(&path)
                .and_then(|file| file.set_modified(changed))
                .expect("a time");
            path
        };
        let day = Duration::from_secs(24 * 60 * 60);
        let old = directory(".unpacking-old", day);
        let new = directory(".unpacking-new", Duration::ZERO);
        let whole = directory("chromium-1.0.0", day);
        remove_unfinished(parent.path());
        assert!(!old.exists(), "what was left is kept");
        assert!(new.exists(), "what is being unpacked was removed");
        assert!(whole.exists(), "what was unpacked was removed");
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_not_trusted() {
        let root = tempfile::tempdir().expect("a directory");
        let directory = root.path().join("chromium-1");
        fs::create_dir(&directory).expect("a directory");
        fs::write(directory.join(EXECUTABLE), "").expect("a file");
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("permissions");
        assert!(is_ours(&directory), "our own directory is trusted");
        fs::set_permissions(&directory, Permissions::from_mode(0o777)).expect("permissions");
        assert!(
            !is_ours(&directory),
            "a directory that everybody may write to is trusted"
        );
    }
}
