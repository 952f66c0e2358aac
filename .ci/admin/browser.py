#!/usr/bin/env python3
"""Opens the page of the running example in headless Chromium, as an operator would.

usage: .ci/admin/browser.py [DIRECTORY FOR SCREENSHOTS]

Needs Debian's `chromium`, playwright and prometheus-client (pip) and the built examples multi-service-admin, gateway, sidecar and datagrams. It sees a
service change state live, changes a level by keyboard, restarts a service, has the daemon go away
and come back, and looks at both themes and at a phone's width for what overflows. In the picture, what
is waited for is marked, and what lines say can be read.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families
from playwright.sync_api import expect, sync_playwright

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
EXAMPLE = os.path.join(TARGET, "debug", "multi-service-admin")
AT = "127.0.0.1:11338"
SHOTS = sys.argv[1] if len(sys.argv) > 1 else None


def start(*more):
    command = [EXAMPLE, "--addr", "127.0.0.1:18001", "--admin", AT, *more]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(daemon.kill)
    return until_answered(daemon)


def until_answered(daemon):
    for _ in range(100):
        assert daemon.poll() is None, "the example has ended: is its address in use?"
        try:
            ask("/livez")
            return daemon
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the example does not answer")


def ask(path, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(f"http://{AT}{path}", method=method), timeout=15) as answer:
        return answer.read().decode()


def stop(daemon):
    daemon.terminate()
    assert daemon.wait(15) == 0


def shot(page, name):
    if SHOTS:
        os.makedirs(SHOTS, exist_ok=True)
        page.screenshot(path=os.path.join(SHOTS, f"{name}.png"), full_page=True)


def no_overflow(page):
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than the window"


def contrast(page):
    """The worst contrast between a text and what is behind it (WCAG wants 4.5)."""
    return page.evaluate("""() => {
        const lum = c => { const v = c.map(x => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
        const rgb = s => s.match(/[\\d.]+/g).map(Number);
        let worst = 99;
        for (const e of document.querySelectorAll("h1,h2,th,td,.state,.why,.until,.cause,.key span,button,select,li,li span,#phase,#up")) {
            if (!e.textContent.trim() || !e.offsetParent) continue;
            let b = e, back;
            while (b && ((back = rgb(getComputedStyle(b).backgroundColor)).length === 4 && back[3] === 0)) b = b.parentElement;
            const [x, y] = [lum(rgb(getComputedStyle(e).color).slice(0, 3)), lum((b ? back : [255, 255, 255]).slice(0, 3))];
            worst = Math.min(worst, (Math.max(x, y) + .05) / (Math.min(x, y) + .05));
        }
        return worst;
    }""")


def visit(browser):
    daemon = start()
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme="light")
    page = context.new_page()
    elsewhere, errors = [], []
    page.on("request", lambda r: None if r.url.startswith((f"http://{AT}/", "data:")) else elsewhere.append(r.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://{AT}/")

    # Everything runs, in the table and in the picture.
    row = lambda name: page.locator(f"tbody tr:has(th:text-is('{name}'))")
    for name in ["api", "health", "poller"]:
        expect(row(name).locator(".state")).to_have_text("run", timeout=10_000)
        expect(page.locator(f"#graph [data-service={name}]")).to_have_class("run")
    # The picture says who waits for what, and nothing of it stands outside.
    line = page.locator("#graph [data-from=poller][data-to=health]")
    expect(line.locator("text").first).to_have_text("in Run: run")
    expect(line.locator("text").last).to_have_text("left Run: stop")
    expect(line).to_have_class(["e k0", "e k0"])
    assert page.evaluate("""() => {
        const out = document.querySelector("#graph svg").getBoundingClientRect();
        return [...document.querySelectorAll("#graph g")].map(g => g.getBoundingClientRect())
            .every(b => b.left >= out.left - 1 && b.right <= out.right + 1 && b.top >= out.top - 1 && b.bottom <= out.bottom + 1);
    }"""), "something of the picture is cut off"
    expect(page.locator("#phase")).to_have_text("all ready")
    shot(page, "light")
    assert (worst := contrast(page)) >= 4.5, worst

    # A service changes state, and the page shows it without being asked, and why.
    ask("/services/api/stop", "POST")
    expect(row("api").locator(".state")).to_have_text("exit (operator)")
    expect(row("poller").locator(".state")).not_to_have_text("run")
    expect(row("poller").locator(".why")).to_contain_text("health")
    expect(page.locator("#graph [data-service=api]")).to_have_class("exit")
    # .. and in the picture what it waits for now.
    expect(page.locator("#graph [data-from=health][data-to=api]")).to_have_class(["e k0 shut", "e k0 shut"])
    expect(row("health")).to_contain_text("waits for api entering Run")
    expect(row("health")).to_contain_text("last failed")
    expect(page.locator("#phase")).to_have_text("3 of 3 not ready")
    shot(page, "light-trouble")
    row("api").get_by_role("button", name="start api", exact=True).click()
    expect(row("poller").locator(".state")).to_have_text("run", timeout=10_000)

    # What Prometheus' own library reads of the metrics.
    metrics = {sample.name: sample for family in text_string_to_metric_families(ask("/metrics")) for sample in family.samples}
    assert metrics["rxd_transitions_total"].value > 15 and "rxd_service_state" in metrics, metrics.keys()

    # A level by keyboard alone.
    level = page.get_by_label("log level of health")
    for _ in range(60):
        page.keyboard.press("Tab")
        if level.evaluate("e => e === document.activeElement"):
            break
    else:
        raise AssertionError("the level cannot be reached by keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("for 10")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("debug")
    expect(page.locator("#message")).to_have_text("health: level debug for 10m: done")
    shot(page, "light-level")
    expect(row("health")).to_contain_text("reverts to info in")
    setting = json.loads(ask("/services/health/log-level"))
    assert setting["level"] == "debug" and setting["reverts_in_s"] > 590, setting
    page.get_by_label("Default log level").focus()
    page.keyboard.type("warn")
    expect(page.locator("#message")).to_have_text("default: level warn: done")
    expect(page.get_by_label("log level of api", exact=True)).to_contain_text("default (warn)")
    assert json.loads(ask("/services/api/log-level"))["level"] == "warn"

    # A restart by keyboard.
    button = row("health").get_by_role("button", name="restart")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_have_text("restart health: done")
    expect(row("health").locator(".state")).to_have_text("run", timeout=10_000)
    expect(page.locator("#events li").first).to_be_visible()

    # The daemon goes away and comes back.
    stop(daemon)
    expect(page.locator("#phase")).to_contain_text("daemon")
    expect(page.locator("body")).to_have_class("gone")
    shot(page, "light-gone")
    daemon = start()
    expect(page.locator("#phase")).to_have_text("all ready", timeout=15_000)
    expect(page.locator("body")).not_to_have_class("gone")
    no_overflow(page)

    # A screen reader is given a table with headers, and names for all that can be pressed.
    assert page.get_by_role("columnheader").count() == 6
    assert page.get_by_role("rowheader").count() == 3
    names = page.evaluate("[...document.querySelectorAll('button,select,input')].filter(e => e.offsetParent).map(e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || '')")
    assert all(name.strip() for name in names), names

    assert not elsewhere, elsewhere
    assert not errors, errors
    context.close()

    for name, width, scheme in [("dark", 1200, "dark"), ("phone-light", 360, "light"), ("phone-dark", 360, "dark")]:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"http://{AT}/")
        expect(page.locator("#phase")).to_have_text("all ready", timeout=10_000)
        shot(page, name)
        no_overflow(page)
        # The table is one for a screen reader also where it is drawn as cards.
        assert page.get_by_role("columnheader", include_hidden=True).count() == 6
        assert page.get_by_role("rowheader").count() == 3 and page.get_by_role("cell").count() == 15
        wide = page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.getElementById('graph'))")
        assert wide <= 0, f"{name}: the picture of three services has to be scrolled"
        assert (worst := contrast(page)) >= 4.5, (name, worst)
        context.close()
    stop(daemon)

    # Behind a token the page asks for it, and says nothing before.
    daemon = start("--token", "0123456789abcdef")
    page = browser.new_context().new_page()
    page.goto(f"http://{AT}/")
    expect(page.get_by_label("Admin token")).to_be_focused()
    assert page.locator("tbody tr").count() == 0
    for token, phase in [("wrong", "wrong token"), ("0123456789abcdef", "all ready")]:
        page.get_by_label("Admin token").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator("#phase")).to_have_text(phase)
    page.get_by_role("button", name="restart api").click()
    expect(page.locator("#message")).to_have_text("restart api: done")
    stop(daemon)


def look_at_parts(browser):
    """The page of each example with real parts: redis behind a gateway, datagrams, a child process."""
    redis = subprocess.Popen(
        ["redis-server", "--port", "16379", "--save", "", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
    )
    atexit.register(redis.kill)
    examples = {
        "gateway": (["--addr", "127.0.0.1:18003", "--redis", "redis://127.0.0.1:16379/"], ["api", "redis"]),
        "sidecar": (["--port", "16380"], ["client", "redis"]),
        "datagrams": (["--addr", "127.0.0.1:0", "--dir", tempfile.mkdtemp()], ["receiver", "writer"]),
    }
    for name, (options, services) in examples.items():
        command = [os.path.join(TARGET, "debug", name), "--admin", AT, *options]
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(daemon.kill)
        until_answered(daemon)
        page = browser.new_context().new_page()
        page.goto(f"http://{AT}/")
        expect(page.locator("#phase")).to_have_text("all ready", timeout=30000)
        assert sorted(page.get_by_role("rowheader").all_inner_texts()) == services, name
        no_overflow(page)
        shot(page, name)
        if name == "gateway":
            redis.kill()
            row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="api"))
            expect(row).to_contain_text("waits for redis", timeout=30000)
            shot(page, "gateway-without-redis")
        page.context.close()
        stop(daemon)


def main():
    chromium = shutil.which("chromium")
    if not chromium:
        raise SystemExit("chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            visit(browser)
            look_at_parts(browser)
        finally:
            browser.close()
    print("1 passed, 0 failed")


main()
