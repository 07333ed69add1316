-- What exists from the start: keys, organizations, roles, members.

local world = {
  API_VERSION = "2025-01-01",
  KEYS = {
    { name = "sandbox_owner", role = "Owner" },
    { name = "sandbox_admin", role = "Admin" },
    { name = "sandbox_member", role = "Member" },
    { name = "sandbox_unlimited", role = "Owner", unlimited = true },
    { name = "sandbox_expired", role = "Owner", refused = "API_KEY_EXPIRED" },
    { name = "sandbox_deactivated", role = "Owner", refused = "API_KEY_DEACTIVATED" },
    { name = "sandbox_paused", role = "Owner", refused = "API_KEY_PAUSED" },
  },
  ORGANIZATIONS = {
    { id = "org_xyz789" },
    { id = "org_123" },
    { id = "org_closed", domain = "closed.example" },
  },
  ROLES = {
    { id = "role_owner", name = "Owner" },
    { id = "role_admin", name = "Admin" },
    { id = "role_member", name = "Member" },
  },
  -- In every organization.
  MEMBERS = { "member@example.com" },
}

local function index(list, field)
  local found = {}
  for _, entry in ipairs(list) do
    found[field and entry[field] or entry] = entry
  end
  return found
end

world.keys = index(world.KEYS, "name")
world.organizations = index(world.ORGANIZATIONS, "id")
world.roles = index(world.ROLES, "id")
world.roles_by_name = index(world.ROLES, "name")
world.members = index(world.MEMBERS)

return world
