-- The page for people: who was invited, the mails that would have gone out, the last requests.

local clock = require "clock"
local html = require "html"
local ids = require "ids"
local journal = require "journal"
local reply = require "reply"
local store = require "store"
local style = require "page_style"
local world = require "world"

local page = {}

local REFRESH_SECONDS = 5
local DAY = 24 * 3600

local PAGE = [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>The sandbox</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>The sandbox</h1>
<p class="quiet">The Aitronos API, played on this machine. Its clock says {now}{ahead}. {toggle}</p>
</header>
<main>
{sections}
</main>
</body>
</html>
]]

local REFRESH = [[<meta http-equiv="refresh" content="{seconds}">
]]
local TOGGLE = [[<a href="{address}">{text}</a>]]

local SECTION = [[
<section aria-labelledby="{id}">
<h2 id="{id}">{title} <span class="count">{count}</span></h2>
{content}
</section>]]

local EMPTY = [[<p class="empty quiet">{text}</p>]]

local INVITATIONS = [[
<table aria-labelledby="{id}">
<thead><tr><th scope="col">Who</th><th scope="col">Organization, role</th>
<th scope="col">State</th><th scope="col" class="number">Mails</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>]]

local INVITATION = [[
<tr><th scope="row" class="broad">{email}<div class="quiet">{name}</div></th>
<td class="narrow">{organization}<div class="quiet">{role}</div></td>
<td class="narrow"><span class="tag {color}">{state}</span><div class="quiet">{time}</div></td>
<td class="number" data-label="Mails">{mails}</td></tr>]]

local MAILS = [[
<div class="cards">
{rows}
</div>]]

local MAIL = [[
<article>
<h3>To {to}</h3>
<p class="quiet">{time}{again}</p>
<p>{organization} invites you to join as {role}:<br><code>{link}</code></p>
<p class="quiet"><a href="/v1/invitations/validate/{key}">What its key leads to</a></p>
</article>]]

local REQUESTS = [[
<table aria-labelledby="{id}">
<thead><tr><th scope="col" class="narrow">When</th><th scope="col">Request</th>
<th scope="col" class="narrow">Status</th><th scope="col">Fault</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>]]

local REQUEST = [[
<tr><td class="narrow">{time}</td>
<td class="broad"><code>{method} {path}</code><div class="quiet">{whom}</div></td>
<td class="narrow"><span class="tag {color}">{status}</span></td>
<td class="narrow" data-label="{label}">{fault}</td></tr>]]

local TIME = [[<time datetime="{full}">{shown}</time>]]

local STATES = {
  pending = { color = "blue", text = "until " },
  accepted = { color = "green", text = "since " },
  expired = { color = "grey", text = "since " },
}

-- Of each hundred.
local STATUS_COLORS = { [2] = "green", [3] = "amber", [4] = "amber", [5] = "red" }

---@param form string  of os.date, in UTC
local function show_time(seconds, form)
  return html.fill(TIME, { full = ids.time(seconds), shown = os.date("!" .. form, seconds) })
end

local function show_date(seconds)
  return show_time(seconds, "%e %b, %H:%M")
end

local function show_ahead(seconds)
  return (", ahead by %d days %s"):format(seconds / DAY, os.date("!%H:%M:%S", seconds))
end

local function show_invitation(record)
  local state = store.state(record)
  local words = STATES[state]
  return html.fill(INVITATION, {
    email = html.breakable(record.email),
    name = record.full_name or "",
    organization = world.organization(record.organization_id).name,
    role = world.roles[record.role_id].name,
    state = state,
    color = words.color,
    time = html.join { words.text, show_date(record.accepted_at or store.expires_at(record)) },
    mails = record.mails,
  })
end

local function show_mail(mail)
  return html.fill(MAIL, {
    to = html.breakable(mail.to),
    time = show_date(mail.time),
    again = mail.number > 1 and (", mail %d of this invitation"):format(mail.number) or "",
    organization = world.organization(mail.organization_id).name,
    role = world.roles[mail.role_id].name,
    link = mail.invitation_link,
    key = mail.invitation_link:match("invite=(.*)$"),
  })
end

local function show_request(call)
  local status = call.status
  return html.fill(REQUEST, {
    time = show_time(call.time, "%H:%M:%S"),
    method = call.method,
    path = html.breakable(call.path),
    whom = html.breakable(call.email or ""),
    color = status and STATUS_COLORS[math.floor(status / 100)] or "grey",
    status = status or "no answer",
    fault = call.struck or "",
    label = call.struck and "Fault" or "",
  })
end

local SECTIONS = {
  {
    id = "invitations",
    title = "Invitations",
    empty = "Nobody was invited yet. What make sandbox prints shows how to.",
    template = INVITATIONS,
    most = 100,
    list = store.newest,
    show = show_invitation,
  },
  {
    id = "mails",
    title = "Mails that would have gone out",
    empty = "None yet.",
    template = MAILS,
    most = 12,
    list = function(most) return store.outbox:newest(most) end,
    show = show_mail,
  },
  {
    id = "requests",
    title = "Requests",
    empty = "None yet.",
    template = REQUESTS,
    most = 50,
    list = journal.newest,
    show = show_request,
  },
}

local function show_section(section)
  local items = section.list(section.most)
  local rows = {}
  for place, item in ipairs(items) do
    rows[place] = section.show(item)
  end
  return html.fill(SECTION, {
    id = section.id,
    title = section.title,
    count = #items < section.most and #items or "the last " .. #items,
    content = items[1] and html.fill(section.template, { id = section.id, rows = html.join(rows) })
      or html.fill(EMPTY, { text = section.empty }),
  })
end

function page.handle()
  local refreshes = ngx.var.arg_refresh ~= nil
  local ahead = clock.ahead()
  local sections = {}
  for place, section in ipairs(SECTIONS) do
    sections[place] = show_section(section)
  end
  local header = ngx.header
  header["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
  header["X-Content-Type-Options"] = "nosniff"
  header["Cache-Control"] = "no-store"
  reply.text(200, html.text(html.fill(PAGE, {
    refresh = refreshes and html.fill(REFRESH, { seconds = REFRESH_SECONDS }) or "",
    style = html.trust(style),
    now = show_time(clock.now(), "%e %b %Y, %H:%M:%S UTC"),
    ahead = ahead > 0 and show_ahead(ahead) or "",
    toggle = html.fill(TOGGLE, {
      address = refreshes and "/" or "/?refresh=" .. REFRESH_SECONDS,
      text = refreshes and "Stop refreshing"
        or ("Refresh every %d seconds"):format(REFRESH_SECONDS),
    }),
    sections = html.join(sections),
  })), "text/html; charset=utf-8")
end

return page
