/**
 * Shell scripts in namespaces of their own: what they mount or start is to be seen nowhere else and gone when they end,
 * however that is.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type Ending, execute, type Scratch } from "./fixture.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Shell commands for the beginning of a mount namespace: it lets go of the mounts of minifo that it was born with, but for
 * those whose path has `but` in it. Tests run side by side, and what another one unmounts would live on here.
 */
export function letGoOfOthers(but = "/none/"): string {
  return `findmnt -rno TARGET -t fuse.minifo | { grep -vF '${but}' || true; } |
    while read -r mount; do umount -i -c -l "$mount"; done`;
}

/** How long a script may take, in seconds. */
const limit_s = 100;

/**
 * Runs `script` as root in the directory of `scratch`, which everybody may enter. There the command `minifo` is the first
 * that mount(8) finds; the project and Node lie where everybody may read them.
 */
export async function privately(scratch: Scratch, script: string): Promise<Ending> {
  const { directory } = scratch;
  await chmod(directory, 0o755);
  for (const place of ["bin", "program", "node"]) {
    await mkdir(`${directory}/${place}`, { recursive: true });
  }
  const command = `#!/bin/sh\nexec "${directory}/node/node" "${directory}/program/bin/minifo.js" "$@"\n`;
  await writeFile(`${directory}/bin/minifo`, command, { mode: 0o755 });
  const prepared = `${letGoOfOthers()}
    mount --bind "${project}" program
    mount --bind "$(dirname "${process.execPath}")" node
    mount --bind bin /usr/local/sbin
    mount -t tmpfs -o mode=755 tmpfs /run
    PATH=/usr/local/sbin:$PATH
    ${script}`;
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const limited = ["-k", "5", String(limit_s), "unshare", ...namespaces, "bash", "-euc", prepared];
  return await execute("timeout", limited, directory);
}

/** The user nobody and its group. */
const nobody = 65_534;

/**
 * As `privately`, but `script` is nobody's, in whose reach are $HOME, $sto below it, and, as udev has it, /dev/fuse. Root
 * does `prepared` before.
 */
export async function asNobody(scratch: Scratch, script: string, prepared = ""): Promise<Ending> {
  const user = `export HOME=$PWD/home TMPDIR=$PWD/home sto=$PWD/home/sto
    unset XDG_RUNTIME_DIR
    ${script}`;
  const root = `mkdir home; chown -R nobody:${nobody} base mnt home
    mknod -m 666 /run/fuse c 10 229; mount --bind /run/fuse /dev/fuse
    ${prepared}
    cat >/run/script <<'END OF SCRIPT'
    ${user}
END OF SCRIPT
    setpriv --reuid nobody --regid ${nobody} --clear-groups bash -eu /run/script`;
  return await privately(scratch, root);
}
