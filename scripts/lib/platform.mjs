// The addon of this platform: what it is called, and whether it can be used.

import { execFileSync } from 'node:child_process';

/** The platform of this process, as addons are named after it. */
export function thisPlatform() {
  const { platform, arch } = process;
  if (platform !== 'linux') return `${platform}-${arch}`;
  return `${platform}-${arch}-${process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

/** The name under which `index.js` looks for a platform's addon. */
export const addonOf = (platform) => `pagepool.${platform}.node`;

/** Whether the package can be used as it is. In a process of its own: an addon that was loaded cannot be replaced. */
export function loads(root) {
  try {
    execFileSync(process.execPath, ['-e', `require(${JSON.stringify(root)})`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
