//! Selectors: CSS, and puppeteer's prefixes `xpath/`, `text/` and `pierce/`.

/// Finds all that a selector means, or only the first.
const QUERY: &str = "const query = (root, selector, all) => {
    const prefixed = /^(xpath|text|pierce)[=/](.*)$/s.exec(selector);
    const wrapped = /^::-p-(xpath|text)\\((.*)\\)$/s.exec(selector);
    const kind = prefixed?.[1] ?? wrapped?.[1];
    const value = prefixed?.[2] ?? wrapped?.[2]?.replace(/^(['\"])(.*)\\1$/s, '$2');
    if (kind === 'xpath') {
        const doc = root.ownerDocument ?? document;
        const found = doc.evaluate(value, root, null, XPathResult.ORDERED_NODE_ITERATOR_TYPE);
        const nodes = [];
        for (let node; (node = found.iterateNext()); ) {
            nodes.push(node);
            if (!all) break;
        }
        return nodes;
    }
    if (kind === 'text') {
        const nodes = [];
        const visit = node => {
            const before = nodes.length;
            const children = node.shadowRoot ? [...node.shadowRoot.children, ...node.children] : node.children;
            for (const child of children) visit(child);
            const skipped = /^(SCRIPT|STYLE|NOSCRIPT|HEAD|TITLE|META|LINK)$/.test(node.tagName ?? '');
            if (nodes.length === before && node instanceof Element && !skipped) {
                const text = node instanceof HTMLInputElement && /^(button|submit|text)$/.test(node.type)
                    ? node.value : node.textContent;
                if (text.includes(value)) nodes.push(node);
            }
        };
        visit(root);
        return all ? nodes : nodes.slice(0, 1);
    }
    if (kind === 'pierce') {
        const nodes = [];
        const visit = node => {
            nodes.push(...node.querySelectorAll(value));
            for (const child of node.querySelectorAll('*')) if (child.shadowRoot) visit(child.shadowRoot);
        };
        if (root.shadowRoot) visit(root.shadowRoot);
        visit(root);
        return all ? nodes : nodes.slice(0, 1);
    }
    if (all) return [...root.querySelectorAll(selector)];
    const node = root.querySelector(selector);
    return node ? [node] : [];
};";

/// A function that may call `query(root, selector, all)`, which gives back an array.
#[must_use]
pub fn with_query(function: &str) -> String {
    format!("(...args) => {{ {QUERY} return ({function})(...args); }}")
}

/// The function that finds the first element below a root (`null` for the document) by a selector.
#[must_use]
pub fn first() -> String {
    with_query("(root, selector) => query(root ?? document, selector, false)[0] ?? null")
}

/// The function that finds all elements below a root (`null` for the document) by a selector.
#[must_use]
pub fn all() -> String {
    with_query("(root, selector) => query(root ?? document, selector, true)")
}
