-- The sandbox's page for people.

local eventually = require "spec.support.eventually"
local html = require "sandbox.lua.html"
local sandbox_client = require "spec.support.sandbox_client"
local shell = require "spec.support.shell"

local DAY = 24 * 3600
local HOSTILE = "<script>alert('1')</script>&\"@example.com"
local HOSTILE_SHOWN = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;@example.com"

local api

-- Without the places where a line may end.
local function load_page(query)
  local text = api.server.get("/" .. (query or ""))
  return (text:gsub("<wbr>", ""))
end

---@return string[] rows  of one section of the page, as words without tags
local function rows(section, tag)
  local page = load_page()
  local found = {}
  local text = page:match('<section aria%-labelledby="' .. section .. '">(.-)</section>')
  text = text:gsub("<thead>.-</thead>", "")
  for row in text:gmatch("<" .. tag .. ">(.-)</" .. tag .. ">") do
    found[#found + 1] = row:gsub("<[^>]*>", " "):gsub("%s+", " "):match("^ ?(.-) ?$")
  end
  return found
end

local function invite(email, role_id, organization_id)
  local wish = { email = email, role_id = role_id or "role_member" }
  return api:invite(wish, nil, organization_id).json
end

local function complete(invitation_key, full_name)
  return api:call("POST", "/v1/invitations/complete",
    { email_key = invitation_key, full_name = full_name, password = "abcdefgh" }, false)
end

describe("the sandbox's page for people", function()
  setup(function() api = sandbox_client.start() end)
  teardown(function() api.server.stop() end)
  before_each(function() api.server.reset() end)

  it("shows who was invited, newest first, with role and state", function()
    invite("early@example.com", "role_admin", "org_123")
    api:advance(7 * DAY)
    local completed = invite("lena@example.com")
    complete(completed.invitation_key, "Lena Example")
    local again = invite("tom@example.com", "role_knowledge_manager")
    api:call("POST",
      "/v1/organizations/org_xyz789/users/" .. again.user_id .. "/resend-invitation")
    local shown = rows("invitations", "tr")
    assert.equal(3, #shown)
    local date = " %d+ %u%l+, %d%d:%d%d "
    assert.truthy(shown[1]:find("^tom@example.com Orchard Works Knowledge Manager pending until"
      .. date .. "2$"))
    assert.truthy(shown[2]:find("^lena@example.com Lena Example Orchard Works Member"
      .. " accepted since" .. date .. "1$"))
    assert.truthy(shown[3]:find("^early@example.com Harbour Lab Admin expired since"
      .. date .. "1$"))
  end)

  it("shows an invitation once, and that which took its place", function()
    invite("a@example.com")
    api:advance(7 * DAY)
    invite("a@example.com")
    local shown = rows("invitations", "tr")
    assert.equal(1, #shown)
    assert.truthy(shown[1]:find("pending", 1, true))
  end)

  it("shows the mails, newest first, each with its link", function()
    local one = invite("a@example.com")
    local other = invite("b@example.com", "role_gardener", "org_crew")
    api:call("POST", "/v1/organizations/org_xyz789/users/" .. one.user_id .. "/resend-invitation")
    local shown = rows("mails", "article")
    assert.equal(3, #shown)
    assert.truthy(shown[1]:find("^To a@example.com .*, mail 2 of this invitation"))
    assert.truthy(shown[2]:find("Night Crew invites you to join as Gardener: "
      .. other.invitation_link, 1, true))
    assert.is_nil(shown[3]:find("of this invitation", 1, true))
    local page = load_page()
    local validates = page:match('<a href="(/v1/invitations/validate/[^"]+)">')
    assert.equal("a@example.com", api:call("GET", validates, nil, false).json.email)
  end)

  it("shows the requests, newest first, with status and fault", function()
    invite("a@example.com")
    api:invite_address("fault+503x1@example.com")
    api:invite_address("fault+lostreply@example.com")
    local shown
    eventually(function()
      shown = rows("requests", "tr")
      return #shown == 3 and shown[1]:find("no answer", 1, true)
    end)
    local request = "^%d%d:%d%d:%d%d POST /v1/organizations/org_xyz789/invite%-user "
    assert.truthy(shown[1]:find(request .. "fault%+lostreply@example.com no answer lostreply$"))
    assert.truthy(shown[2]:find(request .. "fault%+503x1@example.com 503 503$"))
    assert.truthy(shown[3]:find(request .. "a@example.com 201$"))
  end)

  it("shows the last of many", function()
    for number = 1, 60 do
      api:look_up("user_id=usr_" .. number)
    end
    local shown = rows("requests", "tr")
    assert.equal(50, #shown)
    assert.truthy(shown[1]:find("user_id=usr_60", 1, true))
    assert.truthy(load_page():find("the last 50", 1, true))
  end)

  it("escapes what others wrote", function()
    local made = invite(HOSTILE)
    complete(made.invitation_key, "</td><img src=x onerror=\"alert('2')\">")
    api:request("GET", "/v1/organizations/<script>/roles?'\"&", {})
    local page = load_page()
    assert.is_nil(page:lower():find("<script", 1, true))
    assert.is_nil(page:find("<img", 1, true))
    -- In the invitation, the mail, and the requests that made and that completed it.
    local _, times = page:gsub(HOSTILE_SHOWN:gsub("%p", "%%%0"), "")
    assert.equal(4, times)
    assert.truthy(page:find("&lt;/td&gt;&lt;img src=x onerror=&quot;alert(&#39;2&#39;)&quot;&gt;",
      1, true))
    assert.truthy(page:find("/v1/organizations/&lt;script&gt;/roles?&#39;&quot;&amp;", 1, true))
  end)

  it("lets no script, picture or other page in, and is not kept", function()
    local headers = api:request("GET", "/", {}).headers
    assert.equal("text/html; charset=utf-8", headers["content-type"])
    assert.equal("default-src 'none'; style-src 'unsafe-inline'",
      headers["content-security-policy"])
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.equal("no-store", headers["cache-control"])
  end)

  it("refreshes itself if it is asked to", function()
    assert.is_nil(load_page():find("http-equiv=\"refresh\"", 1, true))
    local query = load_page():match('<a href="/(%?refresh=%d+)">')
    local page = load_page(query)
    assert.truthy(page:find('<meta http-equiv="refresh" content="5">', 1, true))
    assert.truthy(page:find('<a href="/">Stop refreshing</a>', 1, true))
  end)

  it("says by how much its clock is ahead", function()
    assert.is_nil(load_page():find("ahead", 1, true))
    api:advance(2 * DAY + 3661)
    assert.truthy(load_page():find("ahead by 2 days 01:01:01", 1, true))
  end)

  it("is empty after a reset, and is no request itself", function()
    invite("a@example.com")
    api.server.reset()
    load_page()
    api:request("GET", "/favicon.ico", {})
    for _, section in ipairs { "invitations", "mails", "requests" } do
      assert.same({}, rows(section, section == "mails" and "article" or "tr"))
    end
    assert.equal(0, #api:admin("requests").requests)
  end)

  -- Not in CI: it is 120 MB to install, and the page has no script that would change what is sent.
  it("is the same to a browser", function()
    if shell.output_of("command -v chromium") == "" then
      return pending("chromium is not installed")
    end
    invite(HOSTILE)
    local folder = shell.output_of("mktemp -d"):gsub("\n$", "")
    local seen = shell.output_of(("timeout 60 chromium --headless --no-sandbox --disable-gpu"
      .. " --user-data-dir=%s --dump-dom %s/ 2>/dev/null")
      :format(shell.quote(folder), api.server.base_url))
    shell.run("rm -rf " .. shell.quote(folder))
    local function body(text)
      return text:match("<main>.*</main>")
    end
    -- Within text, a browser writes quotation marks as they are.
    local sent = api.server.get("/"):gsub("&quot;", '"'):gsub("&#39;", "'")
    assert.equal(body(sent), body(seen))
  end)
end)

describe("HTML", function()
  it("is filled in escaped, but for what is HTML already", function()
    local inner = html.fill("<b>{text}</b>", { text = "<&>\"'" })
    assert.equal('<p title="&lt;"><b>&lt;&amp;&gt;&quot;&#39;</b></p>',
      html.text(html.fill('<p title="{title}">{inner}</p>', { title = "<", inner = inner })))
    assert.equal("&lt;\n<b>1</b>", html.text(html.join { "<", html.fill("<b>{n}</b>", { n = 1 }) }))
    assert.equal("a@<wbr>b.<wbr>&lt;", html.text(html.breakable("a@b.<")))
  end)

  it("has all its places filled in", function()
    assert.has_error(function() html.fill("{name}", {}) end, "name")
  end)
end)
