# Prepares Zammad for mailtriage: run it on the Zammad server, as root, as often as you like.
#
#     zammad run rails runner /tmp/trust.rb               makes the attributes, lists channels and triggers
#     zammad run rails runner /tmp/trust.rb channel=3     ... and trusts channel 3
#     zammad run rails runner /tmp/trust.rb trigger=1     ... and has trigger 1 leave out tickets that are
#                                                         tagged mt-silent
#
# It makes three texts in tickets, triage_language, triage_tier and triage_churn, where they are missing.
# Trust a channel only if all of its mail passes mailtriage: whoever can write X-Zammad-* into a trusted
# channel can write into any ticket, as anybody.
#
# The trigger need not change for the profile "zammad", which says in each mail that Zammad is not to
# acknowledge it. It must for "zammad-untrusted", whose filters tag such mail with mt-silent.

UserInfo.current_user_id = 1

ATTRIBUTES = {
  "triage_language" => "Language",
  "triage_tier" => "Customer tier",
  "triage_churn" => "Risk of leaving",
}.freeze
SILENT = "mt-silent".freeze

# Texts of 120 characters, seen by agents. Not selections: a language that nobody listed would be lost.
def make_attributes
  missing = ATTRIBUTES.reject { |name, _| ObjectManager::Attribute.get(object: "Ticket", name: name) }
  missing.each_with_index do |(name, display), number|
    ObjectManager::Attribute.add(
      object: "Ticket",
      name: name,
      display: display,
      data_type: "input",
      data_option: { type: "text", maxlength: 120, null: true, default: "" },
      active: true,
      screens: { "edit" => { "ticket.agent" => { shown: true } } },
      position: 900 + number,
      created_by_id: 1,
      updated_by_id: 1
    )
    puts "made attribute #{name}"
  end
  return puts("attributes are there") if missing.empty?

  ObjectManager::Attribute.migration_execute
  puts "Restart Zammad now, so that all of its processes know them: systemctl restart zammad"
end

def list_channels
  Channel.where(active: true).find_each do |channel|
    next if !channel.area.to_s.match?(/::Account\z/) || !channel.options.is_a?(Hash)

    inbound = channel.options[:inbound]
    next if inbound.blank?

    state = inbound[:trusted] ? "trusted" : "not trusted"
    puts "channel #{channel.id}: #{inbound[:adapter]} #{inbound.dig(:options, :user)}, #{state}"
  end
end

def trust_channel(id)
  channel = Channel.find(id)
  raise "channel #{id} fetches no mail" if channel.options[:inbound].blank?

  channel.options[:inbound][:trusted] = true
  channel.save!
  puts "channel #{channel.id} is trusted"
end

# A condition is a plain list of attributes, or, made in expert mode, a tree: { operator:, conditions: }.
def spare_silent(id)
  trigger = Trigger.find(id)
  return puts("trigger #{trigger.id} asks for #{SILENT} already") if trigger.condition.to_s.include?(SILENT)

  wish = { "operator" => "contains all not", "value" => SILENT }
  condition = trigger.condition.deep_dup
  if condition.key?("conditions")
    raise "trigger #{id} asks with OR or NOT: add #{SILENT} by hand" if condition["operator"] != "AND"

    condition["conditions"] << wish.merge("name" => "ticket.tags")
  elsif condition.key?("ticket.tags")
    raise "trigger #{id} asks for tags already: add #{SILENT} by hand"
  else
    condition["ticket.tags"] = wish
  end
  trigger.update!(condition: condition)
  puts "trigger #{trigger.id} leaves out tickets tagged #{SILENT}"
end

def list_triggers
  Trigger.where(active: true).find_each do |trigger|
    next if !trigger.perform.key?("notification.email")

    puts "trigger #{trigger.id} sends mail: #{trigger.name}"
  end
end

wishes = ARGV.to_h { |argument| argument.split("=", 2) }
unknown = wishes.keys - %w[channel trigger]
raise "unknown: #{unknown.join(', ')}; write channel=3 or trigger=1" if unknown.any?

make_attributes
trust_channel(Integer(wishes["channel"])) if wishes.key?("channel")
spare_silent(Integer(wishes["trigger"])) if wishes.key?("trigger")
list_channels
list_triggers
