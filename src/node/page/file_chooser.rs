//! `FileChooser`, and the wait for one.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{FileChooser, FileChooserError};

use super::abort::Abort;
use super::error::Rejection as _;
use super::handle::Handle;
use super::identity::WeakObjects;
use super::page::PageData;
use super::{options, promise};

thread_local! {
    static CHOOSERS: RefCell<WeakObjects> = RefCell::default();
}

/// The chooser's object, the same for all who waited for it.
fn wrap(scope: Scope<'_>, chooser: Arc<FileChooser>) -> Result<Value<'_>, Thrown> {
    CHOOSERS.with(|choosers| {
        WeakObjects::object_of(choosers, scope, Arc::as_ptr(&chooser).addr(), || {
            class::instantiate::<FileChooserClass>(scope, Rc::new(chooser))
        })
    })
}

pub(super) struct FileChooserClass;

impl Class for FileChooserClass {
    type Data = Arc<FileChooser>;
    const NAME: &'static str = "FileChooser";
    const METHODS: &'static [Method<Arc<FileChooser>>] = &[
        Method::sync("isMultiple", |scope, chooser, _| {
            Ok(scope.boolean(chooser.is_multiple()))
        }),
        Method::promise("accept", |scope, chooser, call| {
            let given = call.argument(0);
            if !given.is_array() {
                return Err(Thrown::invalid_argument(
                    scope,
                    "paths must be an array of strings",
                ));
            }
            let files = paths(scope, &given.elements()?)?;
            let chooser = Arc::clone(chooser);
            promise::start_void(scope, async move { chooser.accept(files).await })
        }),
        Method::promise("cancel", |scope, chooser, _| {
            let chooser = Arc::clone(chooser);
            promise::start_void(scope, async move { chooser.cancel().await })
        }),
    ];
}

/// `page.waitForFileChooser({ timeout, signal })`
pub(super) fn wait_for<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let (abort, receiver) = Abort::of(given)?;
    let timeout = options::timeout(given)?;
    let page = page.core.clone();
    let waiting = async move { page.file_chooser(timeout, receiver).await };
    promise::start_with(scope, waiting, move |scope, outcome| match outcome {
        Ok(chooser) => wrap(scope, chooser),
        Err(FileChooserError::Aborted) => Err(abort.reason(scope)),
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    })
}

/// `element.uploadFile(...paths)`
pub(super) fn upload<'s>(
    scope: Scope<'s>,
    handle: &Rc<Handle>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    handle.live_argument(scope)?;
    let (frame, object) = (handle.frame(scope)?.clone(), handle.object.clone());
    let files = paths(scope, call.arguments())?;
    promise::start_void(scope, async move { frame.choose_files(&object, files).await })
}

/// Paths as Chrome takes them: absolute ones.
fn paths(scope: Scope<'_>, given: &[Value<'_>]) -> Result<Vec<PathBuf>, Thrown> {
    let mut paths = Vec::new();
    for path in given {
        let path = options::text(scope, *path, "a path")?;
        let path = std::path::absolute(path);
        paths.push(
            path.map_err(|error| Thrown::invalid_argument(scope, &format!("a path is none: {error}")))?,
        );
    }
    Ok(paths)
}
