--- Shows how far a run is: a live line on a terminal, else a line at each tenth, unless it is about
--- a few people only, and one when a long wait begins.

local text = require "aitronos.text"

local concat, remove = table.concat, table.remove
local floor, max, min = math.floor, math.max, math.min
local format, gsub, rep, sub = string.format, string.gsub, string.rep, string.sub
local ipairs, setmetatable, tostring, type = ipairs, setmetatable, tostring, type

-- Seconds between two drawings; between two samples of the rate, and for how long one counts; and
-- from which on a wait is told where there is no terminal.
local DRAW_EVERY = 0.1
local SAMPLE_EVERY = 0.5
local WINDOW = 10
local LONG_WAIT = 10
-- Of fewer people than that each tenth is no news, where there is no terminal.
local FEW = 20

local BARE_COLUMNS = 20
-- Of a share of the line, so that it stays as it is while the words beside it change.
local BAR_LEAST, BAR_MOST, BAR_SHARE = 10, 40, 0.35
local REASON_BYTES = 60

local CLEAR = "\r\27[J"
local COLORS = { green = "32", yellow = "33", red = "31", faint = "2" }

---@class aitronos.ProgressOptions
---@field write fun(text: string)
---@field terminal boolean
---@field width fun(): integer|nil columns, asked at each drawing
---@field clock fun(): number seconds that never go back
---@field color boolean
---@field quiet boolean
---@field time? fun(): number seconds since 1970; os.time unless given

---@class aitronos.ProgressState
---@field total integer
---@field done integer all that have ended, however
---@field failed integer of these
---@field unknown? integer of these, those of whom it is not known
---@field earlier? integer of those that have ended, those with whom earlier runs were done
---@field ending? boolean only what is under way comes to its end
---@field started number by the clock
---@field waits_until? number by the clock
---@field reason? string why it waits
---@field offline? boolean it waits for the network, and nobody knows how often it will

---@class aitronos.Progress
local methods = {}
local Progress = { __index = methods }

local progress = {}

-- ## Words

local function duration(seconds)
  seconds = max(0, floor(seconds + 0.5))
  if seconds < 3600 then
    return format("%d:%02d", floor(seconds / 60), seconds % 60)
  elseif seconds < 2 * 86400 then
    return format("%d h %02d min", floor(seconds / 3600), floor(seconds % 3600 / 60))
  end
  return format("%d d %d h", floor(seconds / 86400), floor(seconds % 86400 / 3600))
end

local function rate_text(rate)
  if rate >= 10 then
    return format("%d/s", floor(rate + 0.5))
  end
  return rate >= 1 and format("%.1f/s", rate) or format("%.1f/min", rate * 60)
end

-- A time of day, with its date where that is not today's.
local function time_of_day(self, at)
  local now = floor(self.time())
  local moment = floor(now + at - self.clock() + 0.5)
  local pattern = os.date("%Y%m%d", now) == os.date("%Y%m%d", moment) and "%H:%M:%S"
    or "%Y-%m-%d %H:%M:%S"
  return os.date(pattern, moment)
end

local function counts(state)
  local total = format("%d", state.total)
  local done = format("%d", state.done)
  return rep(" ", #total - #done) .. done .. "/" .. total
end

local function percent(state)
  return state.total > 0 and floor(min(1, state.done / state.total) * 100) or 100
end

-- ## Rates

-- What this run has done itself.
local function own(state)
  return state.done - (state.earlier or 0)
end

-- Done per second over the window, or nil while too little is known.
local function sample(self, state, now)
  local samples = self.samples
  local last = samples[#samples]
  if not last or now - last.at >= SAMPLE_EVERY then
    samples[#samples + 1] = { at = now, done = own(state) }
  end
  while samples[2] and now - samples[2].at >= WINDOW do
    remove(samples, 1)
  end
  local first = samples[1]
  if now - first.at >= 1 and own(state) > first.done then
    return (own(state) - first.done) / (now - first.at)
  end
end

local function is_waiting(self, state)
  return state.waits_until ~= nil and state.waits_until > self.clock()
end

-- By the whole run and the wait that it is in: a limit lets many pass at once and then none for
-- long, so that what the last seconds say would jump.
local function time_left(self, state, now)
  local at = is_waiting(self, state) and state.waits_until or now
  local done, elapsed = own(state) - self.first.done, at - self.first.at
  if not state.offline and done > 0 and elapsed >= 1 and state.done < state.total then
    return (state.total - state.done) * elapsed / done + at - now
  end
end

-- ## A line of parts, as many as fit

---@class aitronos.ProgressPart
---@field text string in ASCII
---@field rank integer what goes first when room is short: the highest
---@field color? string
---@field shorter? string[] what may stand instead, the shortest first

local function add(parts, rank, words, color, shorter)
  if words then
    parts[#parts + 1] = { rank = rank, text = words, color = color, shorter = shorter or {} }
  end
end

local function add_wait(self, parts, state)
  local till = "until " .. time_of_day(self, state.waits_until)
  local words, shorter = "waits " .. till, { till }
  if state.reason then
    shorter[2] = words
    -- Not every terminal counts columns alike beyond ASCII.
    local reason = gsub(text.clip(text.escape(state.reason), REASON_BYTES), "[\128-\255]+", "?")
    words = words .. " (" .. reason .. ")"
  end
  add(parts, 5, words, "yellow", shorter)
end

local function parts_of(self, state, now, final)
  local parts = {}
  local rate, left = sample(self, state, now), time_left(self, state, now)
  add(parts, 0, counts(state))
  add(parts, 6, format("%3d %%", percent(state)))
  add(parts, 1, state.failed > 0 and format("%d failed", state.failed), "red")
  local unknown = state.unknown or 0
  add(parts, 2, unknown > 0 and format("%d unknown", unknown), "yellow")
  if final then
    add(parts, 3, "in " .. duration(now - state.started))
  elseif state.ending then
    add(parts, 5, "ending", "yellow")
    left = nil
  elseif is_waiting(self, state) then
    add_wait(self, parts, state)
  else
    add(parts, 7, rate and rate_text(rate))
  end
  add(parts, 4, not final and left and duration(left) .. " left")
  return parts
end

local function length(parts)
  local total = 0
  for i, part in ipairs(parts) do
    total = total + #part.text + (i > 1 and 2 or 0)
  end
  return total
end

-- Takes out what there is no room for.
local function fit(parts, columns)
  while parts[2] and length(parts) > columns do
    local worst = 1
    for i, part in ipairs(parts) do
      if part.rank >= parts[worst].rank then
        worst = i
      end
    end
    parts[worst].text = remove(parts[worst].shorter)
    if not parts[worst].text then
      remove(parts, worst)
    end
  end
end

local function paint(self, color, words)
  if not color or not self.color then
    return words
  end
  return "\27[" .. COLORS[color] .. "m" .. words .. "\27[0m"
end

local function bar(self, state, columns)
  local inside = columns - 2
  local full = state.total > 0 and floor(min(1, state.done / state.total) * inside) or inside
  local head = full > 0 and rep("=", full - 1) .. (full < inside and ">" or "=") or ""
  return "[" .. paint(self, "green", head) .. paint(self, "faint", rep("-", inside - full)) .. "]"
end

local function line(self, state, now, final)
  local given = self.width()
  -- Not into the last column, after which some terminals begin a new line.
  local columns = (type(given) == "number" and given > 1 and given or 80) - 1
  local parts = parts_of(self, state, now, final)
  if columns < max(BARE_COLUMNS - 1, #parts[1].text) then
    local bare = gsub(counts(state), "^ +", "")
    return sub(#bare > columns and percent(state) .. "%" or bare, 1, columns)
  end
  fit(parts, columns)
  local room = min(columns - length(parts) - 2, BAR_MOST, max(BAR_LEAST, columns * BAR_SHARE))
  local words = {}
  if room >= BAR_LEAST then
    words[1] = bar(self, state, floor(room))
  end
  for _, part in ipairs(parts) do
    words[#words + 1] = paint(self, part.color, part.text)
  end
  return concat(words, "  ")
end

-- With the cursor back at the line's beginning: where a narrower window breaks the line in two, the
-- next drawing still clears both.
local function draw(self, state, now)
  self.drawn_at = now
  self.write(CLEAR .. line(self, state, now) .. "\r")
end

-- ## Without a terminal

local function plain(self, state, now, final)
  local words = {}
  self.told = true
  for i, part in ipairs(parts_of(self, state, now, final)) do
    words[i] = gsub(part.text, "^ +", "")
  end
  self.write(concat(words, ", ") .. "\n")
end

local function report(self, state, now)
  -- The last one is told at the end.
  local tenth = min(9, floor(percent(state) / 10))
  if own(state) == self.first.done then
    self.tenth = tenth -- what an earlier run did is no news
  end
  local waits = is_waiting(self, state)
  local starts = waits and state.waits_until - now > LONG_WAIT
    and state.waits_until > (self.told_until or -1 / 0) + LONG_WAIT
  if starts then
    self.told_until = state.waits_until
  elseif not waits then
    self.told_until = nil
  end
  if starts or tenth > self.tenth and state.total >= FEW then
    self.tenth = max(tenth, self.tenth)
    plain(self, state, now)
  else
    sample(self, state, now)
  end
end

-- ## Methods

local function begin(self, state, now)
  if not self.first then
    self.first = { at = now, done = own(state) }
    self.tenth = floor(percent(state) / 10)
  end
  self.state = state
end

--- How far it is. May be called as often as anything changes: it draws now and then.
---@param state aitronos.ProgressState
function methods:update(state)
  if self.quiet then
    return
  end
  local now = self.clock()
  begin(self, state, now)
  if not self.terminal then
    report(self, state, now)
  elseif not self.drawn_at or now - self.drawn_at >= DRAW_EVERY then
    draw(self, state, now)
  end
end

--- Says something in a line that stays, above the bar. Also where the rest is quiet.
---@param message string
function methods:note(message)
  local said = text.escape(tostring(message)) .. "\n"
  local live = self.terminal and self.state and not self.quiet
  self.write(live and CLEAR .. said or said)
  if live then
    draw(self, self.state, self.clock())
  end
end

--- Leaves a last line of how far it came. After it only `note` has an effect.
---@param state? aitronos.ProgressState the last one unless given
function methods:finish(state)
  state = state or self.state
  if self.quiet or not state then
    return
  end
  local now = self.clock()
  begin(self, state, now)
  if self.terminal then
    self.write(CLEAR .. line(self, state, now, true) .. "\n")
  elseif self.told or state.total >= FEW then
    plain(self, state, now, true)
  end
  self.quiet, self.state = true, nil
end

--- ```lua
--- local shown = progress.new {
---   write = function(text) io.stderr:write(text) end, terminal = true, color = true,
---   width = function() return 80 end, clock = clock,
--- }
--- shown:update { total = 2000, done = 412, failed = 3, started = started }
--- ```
---@param options aitronos.ProgressOptions
---@return aitronos.Progress
function progress.new(options)
  return setmetatable({
    write = options.write,
    terminal = options.terminal,
    width = options.width,
    clock = options.clock,
    color = options.color and options.terminal,
    quiet = options.quiet,
    time = options.time or os.time,
    samples = {},
  }, Progress)
end

return progress
