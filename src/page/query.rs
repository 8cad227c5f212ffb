//! Finding elements by selector.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cdp::{CallError, Session};

use super::decode::{decode, decode_object};
use super::error::EvaluateError;
use super::evaluate::{Code, release};
use super::frame::Frame;
use super::page::send;
use super::selector::{Aria, Selector, Step};
use super::temporary::Temporary;
use super::value::{Argument, RemoteObject, RemoteValue};

/// `query(root, selector, all)` for plain CSS.
const CSS_QUERY: &str = r"
const query = (root, selector, all) => {
    if (all) return [...root.querySelectorAll(selector)];
    const node = root.querySelector(selector);
    return node ? [node] : [];
};";

/// `walk(nodes, steps)` goes from nodes to nodes, `sorted(nodes)` gives each once, in the document's order.
const WALK: &str = r"
const suits = node => !/^(SCRIPT|STYLE)$/.test(node.nodeName) && !document.head?.contains(node);
const hasText = node => node instanceof HTMLSelectElement || node instanceof HTMLTextAreaElement ||
    node instanceof HTMLInputElement && !['checkbox', 'image', 'radio'].includes(node.type);
const texts = new Map();
const textOf = root => {
    if (!suits(root)) return '';
    if (hasText(root)) return root.value;
    if (texts.has(root)) return texts.get(root);
    let text = '';
    for (const child of root.childNodes) {
        if (child.nodeType === 3) text += child.nodeValue ?? '';
        else if (child.nodeType === 1) text += textOf(child);
    }
    if (root.shadowRoot) text += textOf(root.shadowRoot);
    texts.set(root, text);
    return text;
};
const withShadows = root => {
    const roots = [root.shadowRoot ?? root];
    for (const each of roots) {
        const walker = document.createTreeWalker(each, 1);
        for (let node; (node = walker.nextNode()); ) if (node.shadowRoot) roots.push(node.shadowRoot);
    }
    return roots;
};
const find = {
    css: (node, selector) => {
        if (/^[-\w\P{ASCII}*]/u.test(selector) || !node.parentElement) return node.querySelectorAll?.(selector) ?? [];
        const index = [...node.parentElement.children].indexOf(node) + 1;
        return node.parentElement.querySelectorAll(`:scope>:nth-child(${index})${selector}`);
    },
    text: (root, value) => {
        const found = [];
        for (const node of root.childNodes) {
            if (node instanceof Element && suits(node)) found.push(...find.text(node.shadowRoot ?? node, value));
        }
        if (!found.length && root instanceof Element && suits(root) && textOf(root).includes(value)) found.push(root);
        return found;
    },
    xpath: (root, value) => {
        const found = (root.ownerDocument ?? document).evaluate(value, root, null,
            XPathResult.ORDERED_NODE_ITERATOR_TYPE);
        const nodes = [];
        for (let node; (node = found.iterateNext()); ) nodes.push(node);
        return nodes;
    },
    pierce: (root, value) => {
        const found = [];
        const visit = root => {
            const walker = document.createTreeWalker(root, 1);
            do {
                const node = walker.currentNode;
                if (node.shadowRoot) visit(node.shadowRoot);
                if (node !== root && node.matches?.(value)) found.push(node);
            } while (walker.nextNode());
        };
        visit(root.nodeType === 9 ? root.documentElement : root);
        return found;
    },
    '>>>>': node => [node.shadowRoot ?? node],
    '>>>': withShadows,
};
const byHandler = ({ queryOne, queryAll }) => (node, value, all) => {
    if (queryAll && (all || !queryOne)) return queryAll(node, value);
    const found = queryOne(node, value);
    return found ? [found] : [];
};
for (const name of Object.keys(handlers)) find[name] = byHandler(handlers[name]);
const walk = (nodes, steps, all = true) => {
    for (const [index, [kind, value]] of steps.entries()) {
        if (!Object.hasOwn(find, kind)) throw new Error(`Unknown selector type: ${kind}`);
        nodes = nodes.flatMap(node => [...find[kind](node, value, all || index < steps.length - 1)]);
    }
    return nodes;
};
const way = node => {
    const path = [];
    for (; node; node = node.parentNode ?? node.host) {
        let index = 0;
        for (let before = node; (before = before.previousSibling); ) index++;
        if (node.parentNode) path.unshift(index);
    }
    return path;
};
const sorted = nodes => {
    const ways = new Map(nodes.map(node => [node, way(node)]));
    return [...ways.keys()].sort((a, b) => {
        const [left, right] = [ways.get(a), ways.get(b)];
        for (let n = 0; n < left.length && n < right.length; n++) if (left[n] !== right[n]) return left[n] - right[n];
        return left.length - right.length;
    });
};
const query = (root, selector, all) => {
    const nodes = selector.flatMap(steps => walk([root], steps, all));
    // What one handler finds stays in its order.
    const isOfHandler = selector.length === 1 && selector[0].length === 1 && selector[0][0][0].startsWith('@');
    return nodes.length > 1 && !isOfHandler ? sorted(nodes) : nodes;
};";

/// The handlers come from outside of the function: nothing of ours is in their reach.
fn with_walk(selector: &Selector, function: &str) -> String {
    let handlers = selector.handlers();
    format!("(handlers => (...args) => {{ {WALK} return ({function})(...args); }})({handlers})")
}

impl Selector {
    /// A function that may call `query(root, selector, all)`: an array of all that this selector means, or at
    /// least of the first.
    #[must_use]
    pub fn with_query(&self, function: &str) -> String {
        if self.is_css() {
            format!("(...args) => {{ {CSS_QUERY} return ({function})(...args); }}")
        } else {
            with_walk(self, function)
        }
    }

    /// The code that finds the first node below a root, or in the document.
    #[must_use]
    pub fn first(&self, root: Option<Argument>) -> Code {
        let function = "(root, selector) => query(root ?? document, selector, false)[0] ?? null";
        self.search(function, root)
    }

    /// The code that finds all nodes below a root, or in the document.
    #[must_use]
    pub fn all(&self, root: Option<Argument>) -> Code {
        self.search(
            "(root, selector) => query(root ?? document, selector, true)",
            root,
        )
    }

    fn search(&self, function: &str, root: Option<Argument>) -> Code {
        let arguments = [root.unwrap_or_else(Argument::null), self.into()];
        Code::call(self.with_query(function), arguments)
    }
}

fn argument_of(root: Option<&Temporary>) -> Option<Argument> {
    root.map(|root| root.to_argument())
}

/// A value that comes as JSON, as an argument.
fn json_argument(value: &Value) -> Argument {
    // Such values have no keys but text, so that they always can be written.
    serde_json::value::to_raw_value(value).map_or(Argument::Undefined, Argument::Json)
}

impl From<&Selector> for Argument {
    fn from(selector: &Selector) -> Self {
        json_argument(&selector.to_json())
    }
}

impl Frame {
    /// The first element below `root`, an element of the page's own world (without one: in the document), that the
    /// selector means, for the caller's code.
    ///
    /// # Errors
    /// Where the selector is none, and as any evaluation.
    pub async fn query(
        &self,
        root: Option<RemoteObject>,
        selector: &Selector,
    ) -> Result<Option<RemoteObject>, EvaluateError> {
        let helpers = self.helpers();
        let root = helpers.take_over(root.as_ref()).await?;
        match helpers.find(argument_of(root.as_ref()), selector).await? {
            Some(found) => helpers.hand_over(found).await.map(Some),
            None => Ok(None),
        }
    }

    /// The same for all elements that the selector means, in the document's order.
    ///
    /// # Errors
    /// Where the selector is none, and as any evaluation.
    pub async fn query_all(
        &self,
        root: Option<RemoteObject>,
        selector: &Selector,
    ) -> Result<Vec<RemoteObject>, EvaluateError> {
        let helpers = self.helpers();
        let root = helpers.take_over(root.as_ref()).await?;
        let array = helpers.find_all(argument_of(root.as_ref()), selector).await?;
        let array = helpers.temporary(array);
        let found = match &array.object_id {
            Some(id) => helpers.properties(id).await?,
            None => Vec::new(),
        };
        let found = found.into_iter().map(|(_, node)| helpers.hand_over(node));
        futures_util::future::try_join_all(found).await
    }

    /// A node of the page's own world, as an object of this one.
    pub(super) async fn take_over(
        &self,
        node: Option<&RemoteObject>,
    ) -> Result<Option<Temporary>, EvaluateError> {
        let Some(node) = node else { return Ok(None) };
        let id = self.backend_node_id(node).await?;
        Ok(Some(self.temporary(self.adopt(id).await?)))
    }

    /// A node of this world, as an object of the page's own; this world lets go of it.
    pub(super) async fn hand_over(&self, node: RemoteObject) -> Result<RemoteObject, EvaluateError> {
        let node = self.temporary(node);
        let id = self.backend_node_id(&node).await?;
        self.main_world().adopt(id).await
    }

    /// The first element below `root` (without one: in the document) that the selector means.
    ///
    /// # Errors
    /// Where the selector is none, and as any evaluation.
    pub async fn find(
        &self,
        root: Option<Argument>,
        selector: &Selector,
    ) -> Result<Option<RemoteObject>, EvaluateError> {
        let found = if let Some(alternatives) = selector.with_aria() {
            let list = self.find_by_steps(root, selector, alternatives).await?;
            let first = Code::call("list => list[0] ?? null", [list.to_argument()]);
            self.evaluate_handle(first).await?
        } else {
            self.evaluate_handle(selector.first(root)).await?
        };
        Ok(Some(found).filter(|found| found.value != RemoteValue::Null))
    }

    /// An array of the elements below `root` (without one: in the document) that the selector means.
    ///
    /// # Errors
    /// Where the selector is none, and as any evaluation.
    pub async fn find_all(
        &self,
        root: Option<Argument>,
        selector: &Selector,
    ) -> Result<RemoteObject, EvaluateError> {
        match selector.with_aria() {
            Some(alternatives) => self
                .find_by_steps(root, selector, alternatives)
                .await
                .map(Temporary::keep),
            None => self.evaluate_handle(selector.all(root)).await,
        }
    }

    /// The page takes the steps that it can, Chrome those by the accessibility tree.
    async fn find_by_steps(
        &self,
        root: Option<Argument>,
        selector: &Selector,
        alternatives: &[Vec<Step>],
    ) -> Result<Temporary, EvaluateError> {
        let root = root.unwrap_or_else(Argument::null);
        let mut lists = Vec::with_capacity(alternatives.len());
        for steps in alternatives {
            let begin = Code::call("root => [root ?? document]", [root.clone()]);
            let mut nodes = self.temporary(self.evaluate_handle(begin).await?);
            for run in steps.chunk_by(|a, b| a.aria().is_none() && b.aria().is_none()) {
                let next = if let Some(aria) = run.first().and_then(Step::aria) {
                    self.find_by_aria(&nodes, aria).await?
                } else {
                    let steps = json_argument(&run.iter().map(Step::to_json).collect());
                    let walk = with_walk(selector, "(nodes, steps) => walk(nodes, steps)");
                    self.evaluate_handle(Code::call(walk, [nodes.to_argument(), steps]))
                        .await?
                };
                nodes = self.temporary(next);
            }
            lists.push(nodes);
        }
        let arguments: Vec<Argument> = lists.iter().map(|list| list.to_argument()).collect();
        let merge = Code::call(
            with_walk(selector, "(...lists) => sorted(lists.flat())"),
            arguments,
        );
        let merged = self.evaluate_handle(merge).await?;
        Ok(self.temporary(merged))
    }

    /// What lies below these nodes by name and role.
    async fn find_by_aria(&self, nodes: &RemoteObject, aria: &str) -> Result<RemoteObject, EvaluateError> {
        #[derive(Deserialize)]
        struct Answer {
            nodes: Vec<AxNode>,
        }
        #[derive(Deserialize)]
        struct AxNode {
            #[serde(default)]
            ignored: bool,
            role: Option<AxValue>,
            #[serde(rename = "backendDOMNodeId")]
            backend_node_id: Option<i64>,
        }
        #[derive(Deserialize)]
        struct AxValue {
            value: Option<String>,
        }
        let wanted = Aria::parse(aria).map_err(|attribute| {
            EvaluateError::Selector(format!("Unknown aria attribute \"{attribute}\" in selector"))
        })?;
        let method = "Accessibility.queryAXTree";
        let mut found = Vec::new();
        let roots = match &nodes.object_id {
            Some(id) => self.properties(id).await?,
            None => Vec::new(),
        };
        let roots: Vec<Temporary> = roots.into_iter().map(|(_, root)| self.temporary(root)).collect();
        for root in &roots {
            let mut params = json!({ "objectId": root.object_id.as_deref() });
            if let Some(name) = &wanted.name {
                params["accessibleName"] = name.as_str().into();
            }
            if let Some(role) = &wanted.role {
                params["role"] = role.as_str().into();
            }
            let answer = send(&self.session(), method, params).await?;
            let answer: Answer = decode(method, answer.get())?;
            for node in answer.nodes {
                let role = node.role.and_then(|role| role.value);
                let is_element = role.is_some_and(|role| role != "StaticText" && role != "InlineTextBox");
                if let Some(id) = node.backend_node_id.filter(|_| is_element && !node.ignored) {
                    found.push(self.temporary(self.adopt(id).await?));
                }
            }
        }
        let arguments: Vec<Argument> = found.iter().map(|node| node.to_argument()).collect();
        self.evaluate_handle(Code::call("(...nodes) => nodes", arguments))
            .await
    }

    /// The own enumerable properties of an object of the page.
    ///
    /// # Errors
    /// As any command.
    pub async fn properties(&self, id: &str) -> Result<Vec<(String, RemoteObject)>, CallError> {
        own_properties(&self.session(), id).await
    }

    /// An array of all objects of the page with this prototype.
    ///
    /// # Errors
    /// As any command.
    pub async fn query_objects(&self, prototype: &str) -> Result<RemoteObject, CallError> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            objects: &'a RawValue,
        }
        let method = "Runtime.queryObjects";
        let params = json!({ "prototypeObjectId": prototype });
        let answer = send(&self.session(), method, params).await?;
        let answer: Answer<'_> = decode(method, answer.get())?;
        decode_object(method, answer.objects.get())
    }

    /// Lets go of an object of the frame's document.
    pub fn release(&self, object: &RemoteObject) {
        if let Some(id) = &object.object_id {
            release(&self.session(), id);
        }
    }
}

/// The own enumerable properties of an object.
pub(super) async fn own_properties(
    session: &Session,
    id: &str,
) -> Result<Vec<(String, RemoteObject)>, CallError> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        result: Vec<Property<'a>>,
    }
    #[derive(Deserialize)]
    struct Property<'a> {
        name: String,
        #[serde(default)]
        enumerable: bool,
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let method = "Runtime.getProperties";
    let params = json!({ "objectId": id, "ownProperties": true });
    let answer = send(session, method, params).await?;
    let answer: Answer<'_> = decode(method, answer.get())?;
    answer
        .result
        .into_iter()
        .filter(|property| property.enumerable)
        .filter_map(|property| {
            let object = decode_object(method, property.value?.get());
            Some(object.map(|object| (property.name, object)))
        })
        .collect()
}
